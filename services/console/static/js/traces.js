/** Traces: search, list, and two to compare. */

import { get, query as asQuery, theShop } from './api.js';
import { announce, failure, fill, h } from './dom.js';
import { clock, duration, plainType, short } from './format.js';
import { go, remember } from './router.js';
import { searchForm } from './search_form.js';
import { chip, mark } from './services.js';

/** Draw the page. */
export async function traces(root, { query, signal }) {
  const names = await theShop();
  const results = h('section', { 'aria-label': 'Found traces' });
  let latest = 0;
  const search = async (values) => {
    const address = asQuery({ ...values, limit: values.limit === '20' ? '' : values.limit });
    remember(`/traces${address}`);
    const mine = ++latest;
    try {
      const { traces: found } = await get(`/api/traces${asQuery(values)}`, signal);
      if (mine === latest) list(results, found, names, address);
    } catch (error) {
      if (!signal.aborted) fill(results, failure(error));
    }
  };
  const form = await searchForm(query, signal, search);
  const asked = [...query.keys()].length > 0;
  root.append(h('details.searching', { open: asked || !matchMedia('(max-width: 560px)').matches }, h('summary', {}, 'Search'), form.form), results);
  await search(form.values());
}

function list(root, found, names, address) {
  announce(`${found.length} traces`);
  if (!found.length) {
    fill(root, h('p.card', {}, 'No trace fits. Place an order in the shop, or ask for less.'));
    return;
  }
  const longest = Math.max(...found.map((one) => one.duration));
  const compare = h('button', { type: 'button', disabled: true }, 'Compare two');
  const body = h('tbody', {}, found.map((one) => row(one, names, longest)));
  const chosen = () => [...body.querySelectorAll('input:checked')].map((box) => box.value);
  body.addEventListener('change', () => { compare.disabled = chosen().length !== 2; });
  compare.addEventListener('click', () => {
    const [first, second] = chosen().map((id) => found.find((one) => one.traceId === id)).sort((a, b) => a.errors - b.errors);
    go(`/compare?a=${first.traceId}&b=${second.traceId}`);
  });
  fill(root, h('div.listhead', {}, h('h2', {}, `${found.length} traces`), compare,
    h('a.button', { href: `/time${address}` }, 'Where does their time go?'), h('a.button', { href: `/map${address}` }, 'Map of them')),
  h('div.scroll.card', { tabindex: '0', role: 'region', 'aria-label': 'Table of traces' }, h('table.traces', {},
    h('thead', {}, h('tr', {}, ['', 'When', 'Trace', 'Order', 'Services', 'Spans', 'Result', 'Duration'].map((name) => h('th', { scope: 'col', class: ['Services', 'Spans'].includes(name) ? 'wide' : '' }, name || h('span.unseen', {}, 'Choose'))))),
    body)));
}

function row(one, names, longest) {
  const item = names.items.find((candidate) => String(candidate.id) === String(one.itemId))?.name ?? one.itemId;
  const user = names.shoppers.find((candidate) => candidate.id === one.user)?.name ?? one.user;
  return h('tr', { class: one.errors ? 'failed' : '' },
    h('td', {}, h('input', { type: 'checkbox', value: one.traceId, 'aria-label': `Choose trace ${short(one.traceId)}` })),
    h('td.nowrap', {}, clock(one.start)),
    h('td', {}, h('a', { href: `/traces/${one.traceId}` }, `${one.service} ${one.name}`), h('span.note', {}, ` ${short(one.traceId)}`)),
    h('td', {}, one.orderId ? [`${one.quantity ?? ''} × ${item ?? ''} `, h('span.note', {}, user ?? '')] : '–'),
    h('td.wide', {}, one.services.map(chip)),
    h('td.number.wide', {}, String(one.spans)),
    h('td', {}, one.errors ? [mark(true, `${one.errors} `), h('span', {}, [...new Set(one.errorTypes.map(plainType))].slice(0, 2).join(', '))] : mark(false, one.status ? String(one.status) : '')),
    h('td.number', {}, h('span.meter', { 'aria-hidden': 'true' }, h('span', { style: { width: `${(one.duration / longest) * 100}%` } })), duration(one.duration)));
}
