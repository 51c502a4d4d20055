/** Log records as lines. */

import { h } from './dom.js';
import { clock, short } from './format.js';

/**
 * Draw records.
 * @param {Array} records of the observatory
 * @param {{service?: boolean, trace?: boolean}} options which columns
 */
export function logLines(records, { service = true, trace = false } = {}) {
  return h('ol.logs', {}, records.map((record) => h('li', { class: record.severityNumber >= 17 ? 'bad' : record.severityNumber >= 13 ? 'warn' : '' },
    h('time', {}, clock(record.timestamp)), ' ',
    h('span.severity', {}, record.severity), ' ',
    service && h('span.service', {}, `${record.service} `),
    h('span.body', {}, record.body),
    record.exception?.type && h('span.note', {}, ` ${record.exception.type}: ${record.exception.message ?? ''}`),
    trace && record.traceId && h('a', { href: `/traces/${record.traceId}` }, ` trace ${short(record.traceId)}`))));
}
