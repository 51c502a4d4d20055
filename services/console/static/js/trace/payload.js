import { h } from '../lib/dom.js';

/** Parse an attribute that is a JSON object or list; undefined for others. */
export function parsed(value) {
  if (value !== null && typeof value === 'object') return value;
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

export function payload(value) {
  const data = parsed(value);
  if (data === undefined) return h('pre.payload', { tabindex: '0' }, String(value));
  return h('pre.payload', { tabindex: '0' }, write(data, 0));
}

function write(value, depth) {
  if (value === null || typeof value !== 'object') return [leaf(value)];
  const list = Array.isArray(value);
  const entries = list ? value.map((one) => [null, one]) : Object.entries(value);
  if (!entries.length) return [list ? '[]' : '{}'];
  // DynamoDB's {"S": "text"} stays on one line.
  if (entries.length === 1 && depth > 0 && (entries[0][1] === null || typeof entries[0][1] !== 'object')) {
    return [list ? '[ ' : '{ ', pair(entries[0], depth), list ? ' ]' : ' }'];
  }
  const pad = '  '.repeat(depth + 1);
  const lines = entries.flatMap((entry, place) => [pad, pair(entry, depth + 1), place < entries.length - 1 ? ',\n' : '\n']);
  return [list ? '[\n' : '{\n', ...lines, '  '.repeat(depth), list ? ']' : '}'];
}

function pair([key, value], depth) {
  return [key === null ? null : [h('span.key', {}, JSON.stringify(key)), ': '], write(value, depth)];
}

function leaf(value) {
  const kind = value === null ? 'null' : typeof value;
  return h(`span.${kind}`, {}, JSON.stringify(value));
}

/** Flatten a payload to [path, value] pairs, for comparison. */
export function flatten(value, path = '') {
  const data = parsed(value);
  if (data === undefined || data === null) return [[path, String(value)]];
  const entries = Object.entries(data);
  return entries.length ? entries.flatMap(([key, one]) => flatten(one, path ? `${path}.${key}` : key)) : [[path, JSON.stringify(data)]];
}
