import { every, get, post, getShopInfo } from '../lib/api.js';
import { field, fill, h, select, staleness } from '../lib/dom.js';
import { money, number, plural, short } from '../lib/format.js';
import { needsPart } from '../lib/outages.js';
import { followOrder } from './order_progress.js';
import { mark } from '../lib/services.js';

const placed = [];

export async function shop(root, { query, signal }) {
  const names = await getShopInfo();
  const incidents = await get('/api/incidents', signal).catch(() => ({ incidents: [] }));
  const stocks = new Map();
  const progress = h('section.card.progress', { 'aria-labelledby': 'progress-title' },
    h('h2', { id: 'progress-title' }, 'Order timeline'),
    h('p.note', {}, 'Place an order to see each of its hops and its trace here.'));
  const history = h('div');
  const form = orderForm(names, incidents.incidents, query, async (order) => {
    const outcome = await post('/api/shop/orders', order);
    const entry = { outcome, order, item: names.items.find((item) => item.id === order.itemId)?.name ?? order.itemId };
    placed.unshift(entry);
    placed.splice(8);
    drawHistory(history);
    followOrder(progress, entry, names, signal, () => drawHistory(history)).catch(() => {});
  }, signal);
  const items = h('fieldset.items', { form: 'order', 'data-content': 'the stock' }, h('legend.unseen', {}, 'Item'),
    names.items.map((item) => card(item, stocks, query.get('item') ?? '0')));
  root.append(h('div.front', {}, h('section', { 'aria-label': 'Items' }, items), h('div.side', {}, form)),
    h('div.front.under', {}, progress, h('section.card', { 'aria-labelledby': 'mine' }, h('h2', { id: 'mine' }, 'Your orders'), history)));
  drawHistory(history);
  if (placed[0]) followOrder(progress, placed[0], names, signal, () => drawHistory(history)).catch(() => {});
  const settled = staleness(items);
  every(1500, signal, async () => {
    const { items: now } = await get('/api/shop/stock', signal);
    for (const one of now) showStock(stocks.get(one.id), one.stock);
  }, (error, succeeded) => {
    settled(error, succeeded);
    if (error && !succeeded) for (const stock of stocks.values()) stock.textContent = 'stock unknown';
  });
}

function card(item, stocks, chosen) {
  const stock = h('span.stock', { 'data-stock': item.id }, 'stock …');
  stocks.set(item.id, stock);
  return h('label.item', {},
    h('input', { type: 'radio', name: 'itemId', value: item.id, form: 'order', checked: String(item.id) === chosen }),
    h('img', { src: `/static/pictures/${item.id}.svg`, alt: '', width: 96, height: 96 }),
    h('span.name', {}, item.name),
    h('span.price', {}, money(item.priceCents)),
    stock);
}

function showStock(element, stock) {
  if (!element) return;
  const before = element.dataset.value;
  element.textContent = stock > 0 ? `${number(stock)} in stock` : '✖ sold out';
  element.dataset.value = stock;
  if (before !== undefined && before !== String(stock)) {
    element.classList.remove('moved');
    requestAnimationFrame(() => element.classList.add('moved'));
  }
}

function orderForm(names, incidents, query, place, signal) {
  const perOrder = incidents.filter((one) => one.scope.includes('request'));
  const quantity = h('input', { type: 'number', name: 'quantity', min: 1, value: query.get('quantity') ?? 1, required: true });
  const user = select('user', names.shoppers.map((one) => [one.id, one.name]), names.shoppers[Number(query.get('user') ?? 0)]?.id);
  const code = select('discountCode', [['', 'none'], ...names.codes.map((one) => [one, one])], query.get('code') ?? '');
  const chaos = select('chaos', [['', 'none'], ...perOrder.map((one) => [one.id, one.title])], query.get('chaos') ?? '');
  const status = h('div', { 'aria-live': 'polite' });
  const button = h('button.main', { type: 'submit' }, 'Place the order');
  const simulate = h('button', { type: 'button' }, 'Simulate 6 customers');
  simulate.addEventListener('click', () => busy(simulate, status, async () => {
    const { orders } = await post('/api/shop/customers', { count: 6 });
    const accepted = orders.filter((one) => one.accepted).length;
    fill(status, h('p.note', {}, `${plural(orders.length, 'orders')} placed, ${accepted} accepted. `, h('a', { href: '/traces' }, 'Show traces')));
  }, signal));
  const form = h('form.card.order', { id: 'order' }, h('h2', {}, 'Order'),
    field('Shopper', user), h('div.pair', {}, field('Quantity', quantity), field('Discount code', code)),
    perOrder.length > 0 && h('details', { open: Boolean(query.get('chaos')) }, h('summary', {}, 'Inject a fault into this order'),
      field('Fault', chaos, 'Sent as baggage, also through Kafka. Other orders are not affected.')),
    needsPart(signal, [button, simulate], 'console'), status);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = new FormData(form);
    busy(button, status, () => place({
      itemId: Number(given.get('itemId')),
      quantity: Number(given.get('quantity')),
      user: given.get('user'),
      discountCode: given.get('discountCode') || null,
      chaos: given.get('chaos') || null,
    }), signal);
  });
  return form;
}

async function busy(button, status, task, signal) {
  button.disabled = true;
  fill(status);
  const waiting = setTimeout(() => fill(status, h('p.note', {}, 'Waiting for the answer …')), 1000);
  try {
    await task();
    clearTimeout(waiting);
  } catch (error) {
    clearTimeout(waiting);
    if (!signal.aborted) fill(status, h('p.message.bad', {}, '✖ ', error.message));
  } finally {
    button.disabled = false;
  }
}

function drawHistory(root) {
  if (!placed.length) {
    fill(root, h('p.note', {}, 'The orders that you place here are listed until you reload the page.'));
    return;
  }
  fill(root, h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Table of your orders' }, h('table.mini', {},
    h('thead', {}, h('tr', {}, ['Order', 'Item', 'Accepted', 'Handled'].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, placed.map(({ outcome, order, item, handled }) => h('tr', {},
      h('td', {}, outcome.traceId ? h('a', { href: `/traces/${outcome.traceId}` }, outcome.orderId ? short(outcome.orderId) : `trace ${short(outcome.traceId)}`) : '–'),
      h('td', {}, `${order.quantity} × ${item}`),
      h('td', {}, mark(!outcome.accepted, outcome.accepted ? 'yes' : `no, ${outcome.status}`)),
      h('td', {}, handled === undefined ? (outcome.accepted ? '…' : '–') : mark(!handled, handled ? 'yes' : 'no'))))))));
}
