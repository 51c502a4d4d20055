/** The alerts of the trace-based rules, with their state and the traces that they stand on. */

import { h } from './dom.js';
import { number, short } from './format.js';

const SIGNS = { firing: '✖ firing', pending: '… pending', inactive: '✓ inactive' };

/** A table of alerts, those that fire first. */
export function alertTable(alerts) {
  const order = ['firing', 'pending', 'inactive'];
  const sorted = [...alerts].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  return h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Alerts' }, h('table.alerts', {},
    h('thead', {}, h('tr', {}, ['State', 'Alert', 'Value', 'Traces'].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, sorted.map((alert) => h('tr', { class: alert.state === 'firing' ? 'failed' : '' },
      h('td.nowrap', {}, h('span', { class: `mark ${alert.state === 'firing' ? 'bad' : alert.state === 'pending' ? 'warn' : 'good'}` }, SIGNS[alert.state] ?? alert.state)),
      h('td', {}, h('strong', {}, alert.title), Object.entries(alert.labels).map(([name, value]) => h('span.tag', {}, `${name}=${value}`)),
        h('span.note', {}, alert.meaning)),
      h('td.number.nowrap', {}, `${Number(alert.value).toLocaleString('en', { maximumFractionDigits: 2 })} of ${number(alert.threshold)}`),
      h('td', {}, alert.traceIds.slice(0, 4).map((id) => [h('a', { href: `/traces/${id}` }, short(id)), ' '])))))));
}
