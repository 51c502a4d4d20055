import { alertTable } from './alerts.js';
import { every, get } from '../lib/api.js';
import { chart } from '../lib/charts.js';
import { fill, h, staleness } from '../lib/dom.js';
import { number } from '../lib/format.js';

const TILES = [['errors', 'Errors'], ['items', 'Items ordered'], ['accepted', 'Orders accepted'], ['handled', 'Orders handled'],
  ['rejected', 'Orders refused'], ['deadLettered', 'Dead letters']];

export async function insights(root, { signal }) {
  const tiles = h('dl.tiles');
  const errors = chart('Errors by exception.type', { unit: 'errors', stepped: true, summed: true });
  const orders = chart('Orders accepted and handled', { unit: 'orders' });
  const lag = chart('Consumer lag: records not yet processed', { unit: 'records', stepped: true });
  const alerts = h('div');
  const body = h('div', {}, h('p.note', {}, 'Large figures and charts: the last 4 minutes. The services report once a second, each at its own time.'), tiles, h('div.charts', {}, errors.element, orders.element, lag.element),
    h('section.card', { 'aria-labelledby': 'alerts-title' }, h('h2', { id: 'alerts-title' }, 'Alerts from traces'), alerts));
  root.append(body);
  every(2000, signal, async () => {
    const [figures, { alerts: all }] = await Promise.all([get('/api/insights', signal), get('/api/alerts', signal)]);
    if (signal.aborted) return;
    const { recent, totals, times } = figures;
    fill(tiles, TILES.map(([name, title]) => h('div.tile', { class: tone(name, recent) }, h('dt', {}, title),
      h('dd', { 'data-recent': name }, number(recent[name])), h('dd.note', { 'data-total': name }, `${number(totals[name])} in all data`))));
    fill(alerts, alertTable(all));
    errors.show(times, Object.entries(figures.errors).filter(([, values]) => values.some(Boolean)).map(([label, values]) => ({ label, values })));
    orders.show(times, [{ label: 'accepted', values: figures.accepted }, { label: 'handled', values: figures.handled }]);
    lag.show(times, [{ label: 'lag', values: figures.lag }]);
  }, staleness(body));
}

function tone(name, recent) {
  if (name === 'handled' && recent.handled < recent.accepted) return 'warn';
  if (name === 'rejected' && recent.rejected > 0) return 'warn';
  return ['errors', 'deadLettered'].includes(name) && recent[name] > 0 ? 'bad' : '';
}
