import { get, query } from '../lib/api.js';
import { breakable, failure, fill, h } from '../lib/dom.js';
import { clock, duration, short } from '../lib/format.js';
import { logLines } from './log_lines.js';
import { complete } from './outline.js';
import { parsed, payload } from './payload.js';
import { chip, mark } from '../lib/services.js';

const NAMES = {
  'shop.http.request.headers': 'Request headers',
  'shop.http.request.body': 'Request body',
  'shop.http.response.headers': 'Response headers',
  'shop.http.response.body': 'Response body',
  'shop.kafka.headers': 'Kafka headers',
  'shop.kafka.value': 'Kafka value',
  'shop.dynamodb.request': 'DynamoDB request',
  'shop.dynamodb.response': 'DynamoDB response',
};

/**
 * Draw a span.
 * @param {Array} spans of the trace, to name linked spans
 */
export function spanDetail(span, spans, signal) {
  const result = span.status === 'ERROR' ? 'ERROR' : span.failed ? 'refused' : span.status === 'OK' ? 'OK' : 'no error';
  const detail = h('article.detail', { 'aria-labelledby': 'span-title' },
    h('h2', { id: 'span-title', tabindex: '-1' }, span.name || '(no name)'),
    h('p.facts', {}, chip(span.service), h('span.tag', {}, span.kind), mark(span.failed, result),
      h('span', {}, duration(span.duration)), h('span', {}, span.start ? `at ${clock(span.start)}` : 'no time')));
  if (span.attributes) detail.append(...content(span, spans, signal));
  else showContent(detail, span, spans, signal);
  return detail;
}

async function showContent(detail, span, spans, signal) {
  const note = h('p.note', { role: 'status' }, 'Loading …');
  detail.append(note);
  try {
    await complete([span], signal);
    note.replaceWith(...content(span, spans, signal));
  } catch (error) {
    if (!signal.aborted) note.replaceWith(failure(error));
  }
}

function content(span, spans, signal) {
  const entries = Object.entries(span.attributes);
  const payloads = entries.filter(([name, value]) => NAMES[name] || parsed(value) !== undefined).sort((a, b) => rank(a[0]) - rank(b[0]));
  const plain = entries.filter((entry) => !payloads.includes(entry));
  const logs = h('div', {}, h('p.note', {}, 'Loading …'));
  showLogs(logs, span, signal);
  return [
    span.status === 'ERROR' && span.message && !span.events.some((event) => event.attributes['exception.message'] === span.message) && h('p.message.bad', {}, span.message),
    ...span.events.filter((event) => event.name === 'exception').map(exception),
    payloads.length > 0 && h('section', {}, h('h3', {}, 'Payloads'),
      payloads.map(([name, value]) => h('div.block', {}, h('h4', {}, NAMES[name] ?? name, NAMES[name] && h('code', {}, name)), payload(value)))),
    h('section', {}, h('h3', {}, 'Logs of this span'), logs),
    links(span, spans),
    h('section', {}, h('h3', {}, 'Attributes'), table(plain)),
    otherEvents(span),
    h('details', {}, h('summary', {}, 'Resource and ids'), table([['trace id', span.traceId], ['span id', span.id],
      ['parent', span.parent ?? 'none'], ...Object.entries(span.resource)])),
  ].filter(Boolean);
}

function rank(name) {
  const place = ['shop.dynamodb.request', 'shop.kafka.value', 'shop.http.request.body', 'shop.dynamodb.response', 'shop.http.response.body']
    .indexOf(name);
  return place < 0 ? 9 : place;
}

export function exception(event) {
  const { 'exception.type': type, 'exception.message': message, 'exception.stacktrace': stack } = event.attributes;
  return h('section.exception', {}, h('h3', {}, h('span.mark.bad', {}, '✖ '), String(type || 'exception')), message !== undefined && message !== '' && h('p', {}, asText(message)),
    stack && h('details', {}, h('summary', {}, 'Stack trace'), h('pre.payload', { tabindex: '0' }, asText(stack))));
}

function asText(value) {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function showLogs(root, span, signal) {
  try {
    const { records } = await get(`/api/logs${query({ traceId: span.traceId, spanId: span.id })}`, signal);
    fill(root, records.length ? logLines(records, { service: false }) : h('p.note', {}, 'No log records.'));
  } catch (error) {
    if (!signal.aborted) fill(root, h('p.note', {}, error.message));
  }
}

function links(span, spans) {
  if (!span.links.length) return null;
  return h('section', {}, h('h3', {}, 'Links'), h('ul', {}, span.links.map((link) => {
    const known = spans.find((one) => one.id === link.spanId);
    return h('li', {}, h('a', { href: `/traces/${link.traceId}` },
      known ? `${known.service} ${known.name}` : `span ${short(link.spanId)} of trace ${short(link.traceId)}`));
  })));
}

function otherEvents(span) {
  const others = span.events.filter((event) => event.name !== 'exception');
  return others.length > 0 && h('section', {}, h('h3', {}, 'Events'), others.map((event) => h('div.block', {},
    h('h4', {}, event.name, event.time && span.start ? ` at +${duration(event.time - span.start)}` : ''), table(Object.entries(event.attributes)))));
}

function table(entries) {
  return h('table.attributes', {}, h('tbody', {}, entries.map(([name, value]) => h('tr', {},
    h('th', { scope: 'row' }, breakable(name)), h('td', {}, typeof value === 'object' ? JSON.stringify(value) : String(value))))));
}
