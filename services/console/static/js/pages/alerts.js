import { h, stacked } from '../lib/dom.js';
import { plural, short } from '../lib/format.js';

const SIGNS = { firing: '✖ firing', pending: '… pending', inactive: '✓ inactive' };

export function alertTable(alerts) {
  const order = ['firing', 'pending', 'inactive'];
  const sorted = [...alerts].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  return h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Alerts' }, stacked(h('table.alerts', {},
    h('thead', {}, h('tr', {}, ['State', 'Alert', 'Value', 'Traces'].map((name) => h('th', { scope: 'col', class: name === 'Value' ? 'number' : '' }, name)))),
    h('tbody', {}, sorted.map((alert) => h('tr', { class: alert.state === 'firing' ? 'failed' : '' },
      h('td.nowrap', {}, h('span', { class: `mark ${alert.state === 'firing' ? 'bad' : alert.state === 'pending' ? 'warn' : 'good'}` }, SIGNS[alert.state] ?? alert.state)),
      h('td', {}, h('strong', {}, alert.title), Object.entries(alert.labels).map(([name, value]) => h('span.tag', {}, `${name}=${value}`)),
        h('span.note', {}, alert.meaning)),
      h('td.number.nowrap', {}, alert.unit === 'seconds' && !alert.value ? 'no orders' : plural(alert.value, alert.unit), h('span.note', {}, alert.windowSeconds ? `in the last ${plural(alert.windowSeconds, 'seconds')}` : 'in all stored traces'),
        h('span.note', {}, `fires ${alert.unit === 'seconds' ? 'above' : 'from'} ${plural(alert.threshold, alert.unit)}`)),
      h('td', {}, alert.traceIds.length ? '' : '–', alert.traceIds.slice(0, 4).map((id) => [h('a', { href: `/traces/${id}` }, short(id)), ' ']), alert.traceIds.length > 4 && h('span.note', {}, 'and more'))))))));
}
