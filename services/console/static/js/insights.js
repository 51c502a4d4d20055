/** Business insights: what the shop earns, loses and leaves lying, from traces and the services' own metrics. */

import { alertTable } from './alerts.js';
import { every, get } from './api.js';
import { chart } from './charts.js';
import { fill, h } from './dom.js';
import { number } from './format.js';

const TILES = [['errors', 'Count of errors'], ['items', 'Total items ordered'], ['accepted', 'Orders accepted'], ['handled', 'Orders handled'],
  ['rejected', 'Orders refused'], ['deadLettered', 'Dead letters']];

/** Draw the page. */
export async function insights(root, { signal }) {
  const tiles = h('dl.tiles');
  const errors = chart('Errors by exception.type', { stepped: true, summed: true });
  const orders = chart('Orders accepted against handled');
  const lag = chart('Consumer lag: records that nobody has taken yet', { stepped: true });
  const alerts = h('div');
  root.append(tiles, h('div.charts', {}, errors.element, orders.element, lag.element),
    h('section.card', { 'aria-labelledby': 'alerts-title' }, h('h2', { id: 'alerts-title' }, 'Alerts from traces'), alerts));
  every(2000, signal, async () => {
    const [figures, { alerts: all }] = await Promise.all([get('/api/insights', signal), get('/api/alerts', signal)]);
    if (signal.aborted) return;
    fill(tiles, TILES.map(([name, title]) => h('div.tile', { class: tone(name, figures.totals) }, h('dt', {}, title), h('dd', { 'data-total': name }, number(figures.totals[name])))));
    fill(alerts, alertTable(all));
    const { times } = figures;
    errors.show(times, Object.entries(figures.errors).map(([label, values]) => ({ label, values })));
    orders.show(times, [{ label: 'accepted', values: figures.accepted }, { label: 'handled', values: figures.handled }]);
    lag.show(times, [{ label: 'lag', values: figures.lag }]);
  });
}

function tone(name, totals) {
  if (name === 'handled' && totals.handled < totals.accepted) return 'warn';
  return ['errors', 'deadLettered'].includes(name) && totals[name] > 0 ? 'bad' : '';
}
