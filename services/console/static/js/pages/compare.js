import { get, query as asQuery, getShopInfo } from '../lib/api.js';
import { breakable, field, fill, h, stacked } from '../lib/dom.js';
import { clock, duration, short } from '../lib/format.js';
import { flatten, parsed } from '../trace/payload.js';
import { go } from '../lib/router.js';
import { shade } from '../lib/services.js';
import { tree } from '../trace/tree.js';
import { sign } from './traces.js';

export async function compare(root, { query, signal }) {
  const [a, b] = await choose(query, signal);
  const both = await Promise.all([a, b].filter(Boolean).map((id) => get(`/api/traces/${encodeURIComponent(id)}?related=1`, signal)));
  root.append(await form(a, b, both.map((trace) => trace.summary), signal));
  if (!a || !b) {
    root.append(h('p.message', {}, a || b ? `No ${a ? 'broken' : 'clean'} order is among the newest 100. Place one in the shop, or select another one above.`
      : 'No orders to compare. Place two orders in the shop, one of them with an incident switched on.'));
    return;
  }
  const [left, right] = both.map((trace) => [...trace.spans, ...trace.related.flatMap((one) => one.spans)]);
  const pairs = align(left, right);
  const differences = h('section.card', {}, h('h2', {}, 'Differences in a span'));
  const unrelated = both[0].summary.itemId !== both[1].summary.itemId;
  root.append(unrelated ? h('p.message', {}, `The orders are for different items (${both.map((one) => one.summary.itemId ?? 'unknown').join(' and ')}). Place a clean order for the same item to compare only the fault.`) : '',
    table(pairs, both, differences), differences);
  const fails = pairs.find((pair) => pair.a && pair.b && pair.a.status !== pair.b.status && !pairs.some((other) => other.b?.parent === pair.b.id && other.b?.status === 'ERROR'));
  const differs = pairs.find((pair) => pair.a && pair.b && difference(pair) !== 'same result');
  showDifference(differences, fails ?? differs ?? pairs.find((pair) => pair.a && pair.b));
}

/** Return the ids of the address; missing ones are the latest clean and the latest broken order. */
async function choose(query, signal) {
  const a = query.get('a') ?? '';
  const b = query.get('b') ?? '';
  if (a && b) return [a, b];
  const [recent, broken] = await Promise.all([
    get(`/api/traces${asQuery({ service: 'orders', operation: 'POST /orders', limit: 100 })}`, signal),
    get(`/api/traces${asQuery({ error: true, limit: 20 })}`, signal)]);
  const known = [...recent.traces, ...broken.traces];
  const bad = broken.traces.filter((one) => one.traceId !== a);
  const other = known.find((one) => one.traceId === (b || a)) ?? (b && (await get(`/api/traces/${encodeURIComponent(b)}`, signal)).summary) ?? bad[0];
  const same = other?.itemId === null || other?.itemId === undefined ? []
    : (await get(`/api/traces${asQuery({ item: other.itemId, limit: 100 })}`, signal)).traces;
  const like = [...same, ...recent.traces].filter((one) => !one.errors && one.handled && one.status === 202).find((one) => one.traceId !== b);
  return [a || like?.traceId || '', b || bad[0]?.traceId || recent.traces.find((one) => one.traceId !== (a || like?.traceId) && !one.handled)?.traceId || ''];
}

async function form(a, b, chosen, signal) {
  const { traces } = await get(`/api/traces${asQuery({ limit: 50 })}`, signal);
  const names = await getShopInfo();
  const earlier = chosen.filter(({ traceId }) => !traces.some((one) => one.traceId === traceId));
  const picker = (name, id) => h('select', { name }, h('option', { value: '' }, 'select …'),
    [...traces, ...earlier].map((one) => h('option', { value: one.traceId, selected: one.traceId === id },
      `${sign(one)} ${clock(one.start)} ${names.items.find((item) => item.id === Number(one.itemId))?.name ?? one.name} ${short(one.traceId)}`)));
  const form = h('form.card.search.pairing', {}, field('Clean order', picker('a', a)), field('Broken order', picker('b', b)),
    h('div.buttons', {}, h('button.main', { type: 'submit' }, 'Compare')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = new FormData(form);
    go(`/compare${asQuery({ a: given.get('a'), b: given.get('b') })}`);
  });
  return form;
}

/** Pair the spans of two traces by service, kind and name of the span and its ancestors, and by their number there. */
export function align(left, right) {
  const numbers = new Map(); // paths as numbers, because those of deep traces are long
  const keys = (spans) => {
    const above = [];
    const counts = new Map();
    return tree(spans).map(({ span, depth }) => {
      const text = `${depth ? above[depth - 1] : ''}/${span.service} ${span.kind} ${span.name}`;
      if (!numbers.has(text)) numbers.set(text, numbers.size);
      const path = numbers.get(text);
      above[depth] = path;
      counts.set(path, (counts.get(path) ?? 0) + 1);
      return { key: `${path}#${counts.get(path)}`, span, depth };
    });
  };
  const ours = keys(left);
  const theirs = new Map(keys(right).map((one) => [one.key, one]));
  const pairs = ours.map(({ key, span, depth }) => {
    const found = theirs.get(key);
    theirs.delete(key);
    return { a: span, b: found?.span ?? null, depth };
  });
  return [...pairs, ...[...theirs.values()].map(({ span, depth }) => ({ a: null, b: span, depth }))];
}

const MOST_PAIRS = 1000;

function table(pairs, both, differences) {
  const longest = pairs.reduce((most, { a, b }) => Math.max(most, a?.duration ?? 0, b?.duration ?? 0), 1);
  const head = (name, trace) => h('th', { scope: 'col', 'data-name': name }, name, ' ', h('a', { href: `/traces/${trace.traceId}` }, short(trace.traceId)));
  const note = h('p.note', {}, pairs.length > MOST_PAIRS && `The first ${MOST_PAIRS} of ${pairs.length} spans. `, `The differences are those of the broken order. Durations count as different if they differ by over ${DIFFERENT_US / 1000} ms and one is over twice the other.`);
  return h('div.scroll.card', { tabindex: '0', role: 'region', 'aria-label': 'Both orders' }, note, stacked(h('table.sides', {},
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Span'), head('Clean', both[0]), head('Broken', both[1]), h('th', { scope: 'col' }, 'Difference'), h('th', { scope: 'col' }, h('span.unseen', {}, 'Details')))),
    h('tbody', {}, pairs.slice(0, MOST_PAIRS).map((pair) => {
      const one = pair.a ?? pair.b;
      return h('tr', { class: pair.b?.failed || !pair.b || !pair.a ? 'failed' : '' },
        h('th', { scope: 'row' }, h('span.what', { style: { '--depth': Math.min(pair.depth, 8) } }, h('span.dot', { class: shade(one.service) }), h('span.service', {}, one.service), ' ', h('span.op', {}, breakable(one.name)))),
        side(pair.a, longest, ''), side(pair.b, longest, 'missing'), h('td', {}, difference(pair)),
        h('td', {}, pair.a && pair.b && h('button.linkish', { type: 'button', 'aria-label': `Show differences in ${one.service} ${one.name}`, onclick: () => { showDifference(differences, pair); differences.scrollIntoView({ block: 'nearest' }); } }, 'Show differences')));
    })))));
}

function side(span, longest, missing) {
  if (!span) return h('td', { class: missing }, missing ? '– missing' : '–');
  return h('td', {}, h('span.meter', { 'aria-hidden': 'true' }, h('span', { class: shade(span.service), style: { width: `${(Math.max(span.duration, 0) / longest) * 100}%` } })),
    duration(span.duration), span.failed && h('span.mark.bad', {}, ` ✖ ${span.attributes['error.type'] ?? span.attributes['http.response.status_code'] ?? 'error'}`));
}

const DIFFERENT_US = 20_000;

/** Attributes whose values say that two spans went differently. */
const TELLING = ['http.response.status_code', 'db.response.status_code', 'error.type', 'shop.order.outcome'];

function difference({ a, b }) {
  if (!b) return 'missing in the broken order';
  if (!a) return 'only in the broken order';
  if ((a.status === 'ERROR') !== (b.status === 'ERROR')) return b.status === 'ERROR' ? 'fails' : 'fails only in the clean order';
  const changed = TELLING.filter((name) => String(a.attributes[name] ?? '–') !== String(b.attributes[name] ?? '–'));
  if (changed.length) return changed.map((name) => `${name.split('.').slice(-2).join(' ')}: ${a.attributes[name] ?? '–'} → ${b.attributes[name] ?? '–'}`).join('; ');
  const times = (b.duration + 1) / (a.duration + 1);
  const far = Math.abs(b.duration - a.duration) > DIFFERENT_US;
  return far && (times > 2 || times < 0.5) ? `${times > 1 ? `${times.toFixed(1)}× slower` : `${(1 / times).toFixed(1)}× faster`}` : 'same result';
}

/** Replace the elements of long lists, such as the ids of an item's orders, by their number. */
function shortened(entries) {
  const counts = new Map();
  const listOf = (path) => { // '' for a value that is itself a list
    const found = /^(?:(.*?)\.)?\d+(\.|$)/.exec(path);
    return found && (found[1] ?? '');
  };
  for (const [path] of entries) counts.set(listOf(path), (counts.get(listOf(path)) ?? 0) + 1);
  const long = (path) => listOf(path) !== null && counts.get(listOf(path)) > LONGEST_LIST;
  const lists = [...counts].filter(([list, count]) => list !== null && count > LONGEST_LIST).map(([list, count]) => [list, `${count} values`]);
  return [...entries.filter(([path]) => !long(path)), ...lists];
}

/** Return whether a value is an empty object that has entries on the other side. */
const isEmptyAbove = (name, one, other) => !other.has(name) && ['{}', '[]'].includes(one.get(name)) && [...other.keys()].some((path) => path.startsWith(`${name} › `) || path.startsWith(`${name}.`));

const LONGEST_LIST = 3;
const LONGEST_VALUE = 120;
const BEFORE = 20;

/** Shorten a long value to the text around its first difference from the other. */
function excerpt(value, other) {
  if (value.length <= LONGEST_VALUE) return value;
  const differs = [...value].findIndex((letter, place) => letter !== other[place]);
  const begin = Math.max(0, Math.min(differs - BEFORE, value.length - LONGEST_VALUE));
  const end = begin + LONGEST_VALUE;
  return `${begin ? '…' : ''}${value.slice(begin, end)}${end < value.length ? '…' : ''} (${value.length} characters)`;
}

function showDifference(root, pair) {
  const heading = h('h2', {}, 'Differences in a span');
  if (!pair) {
    fill(root, heading, h('p.note', {}, 'The orders have no span in common.'));
    return;
  }
  const [left, right] = [pair.a, pair.b].map((span) => new Map(Object.entries(span.attributes)
    .flatMap(([name, value]) => (parsed(value) === undefined ? [[name, String(value)]] : shortened(flatten(value)).map(([path, one]) => [path ? `${name} › ${path}` : name, one])))));
  const rows = [...new Set([...left.keys(), ...right.keys()])].filter((name) => left.get(name) !== right.get(name) && !isEmptyAbove(name, left, right) && !isEmptyAbove(name, right, left))
    .sort((x, y) => Number(left.has(x) && right.has(x)) - Number(left.has(y) && right.has(y)) || x.localeCompare(y));
  const cell = (value, other, missing) => (value === undefined ? h('td', { class: missing }, missing ? '– missing' : '–') : h('td', {}, h('code', {}, excerpt(value, other ?? ''))));
  fill(root, heading, h('p', {}, h('strong', {}, `${pair.b.service} › ${pair.b.name}`)),
    pair.b.message && h('p.message.bad', {}, pair.b.message),
    h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Differing attributes' }, stacked(h('table.attributes.three', {}, h('thead', {}, h('tr', {}, ['Attribute', 'Clean', 'Broken'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, rows.map((name) => h('tr', { class: left.has(name) && right.has(name) ? '' : 'failed' }, h('th', { scope: 'row' }, breakable(name)), cell(left.get(name), right.get(name), ''), cell(right.get(name), left.get(name), 'missing'))))))));
}
