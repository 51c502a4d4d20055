import { h } from '../lib/dom.js';
import { clock, short } from '../lib/format.js';

/**
 * Draw log records as lines.
 * @param {{service?: boolean, trace?: boolean}} options which columns
 */
export function logLines(records, { service = true, trace = false } = {}) {
  return h('ol.logs', {}, records.map((record) => h('li', { class: record.severityNumber >= 17 ? 'bad' : record.severityNumber >= 13 ? 'warn' : '' },
    h('time', {}, record.timestamp ? clock(record.timestamp) : 'no time'), ' ',
    h('span.severity', {}, record.severity), ' ',
    service && h('span.service', {}, `${record.service} `),
    h('span.body', {}, bodyText(record)),
    record.exception?.type && h('span.note', {}, ` ${record.exception.type}: ${record.exception.message ?? ''}`),
    trace && record.traceId && h('a', { href: `/traces/${record.traceId}` }, ` trace ${short(record.traceId)}`))));
}

/** Return the body of a log record as text: JSON if it is no text, the event's name if an event has no body. */
export function bodyText({ body, eventName }) {
  if (typeof body === 'string') return body;
  return body === null && eventName ? eventName : JSON.stringify(body);
}
