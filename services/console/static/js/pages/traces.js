import { get, pause, query as asQuery, getShopInfo } from '../lib/api.js';
import { announce, fill, h } from '../lib/dom.js';
import { clock, duration, now, number, plainType, plural, short } from '../lib/format.js';
import { go, remember } from '../lib/router.js';
import { HANDLED_WITHIN_MS } from './order_progress.js';
import { searchForm, searching } from './search_form.js';
import { chip, mark } from '../lib/services.js';

const FOLLOW_MS = 2000;

export async function traces(root, { query, signal }) {
  const names = await getShopInfo();
  const results = h('section', { 'aria-label': 'Found traces' });
  const search = searching(results, signal, async (values) => {
    const address = asQuery({ ...values, limit: values.limit === '20' ? '' : values.limit });
    remember(`/traces${address}`);
    const [{ traces: found }, stored] = await Promise.all([get(`/api/traces${asQuery(values)}`, signal), get('/api/stored', signal)]);
    return { empty: !found.length, show: () => list(results, found, names, { address, values, stored: stored.traces, signal }) };
  });
  const form = await searchForm(query, signal, search);
  const asked = [...query.keys()].length > 0;
  root.append(h('details.searching', { open: asked || !matchMedia('(max-width: 560px)').matches }, h('summary', {}, 'Search'), form.form), results);
  await search(form.values());
}

function list(root, found, names, { address, values, stored, signal }) {
  announce(plural(found.length, 'traces'));
  if (!found.length) {
    fill(root, h('p.card', {}, 'No matching traces. Place an order in the shop, or remove a filter. The page shows it by itself.'));
    return;
  }
  const longest = Math.max(...found.map((one) => one.duration));
  const compare = h('button', { type: 'button', disabled: true }, 'Compare selected');
  const body = h('tbody', {}, found.map((one) => row(one, names, longest)));
  const table = h('table.traces', {},
    h('thead', {}, h('tr', {}, ['', 'Time', 'Trace', 'Order', 'Services', 'Spans', 'Result', 'Duration'].map((name) => h('th', { scope: 'col', class: { Services: 'wide', Spans: 'wide number', Duration: 'number' }[name] ?? '' }, name || h('span.unseen', {}, 'Select'))))),
    body);
  const chosen = () => [...body.querySelectorAll('input:checked')].map((box) => box.value);
  body.addEventListener('change', () => { compare.disabled = chosen().length !== 2; });
  compare.addEventListener('click', () => {
    const [first, second] = chosen().map((id) => found.find((one) => one.traceId === id)).sort((a, b) => badness(a) - badness(b));
    go(`/compare?a=${first.traceId}&b=${second.traceId}`);
  });
  const limit = Number(values.limit);
  const total = h('h2', {});
  const older = h('button', { type: 'button', hidden: found.length < limit }, `Show ${limit} older traces`);
  const count = () => { total.textContent = older.hidden ? plural(found.length, 'traces') : `The newest ${found.length}`; };
  const status = h('span.note', { role: 'status' });
  older.addEventListener('click', async () => {
    older.disabled = true;
    try {
      const end = Math.min(...found.map((one) => one.start)) - 1;
      const { traces: more } = await get(`/api/traces${asQuery({ ...values, end })}`, signal);
      const added = more.filter((one) => !found.some((other) => other.traceId === one.traceId));
      found.push(...added);
      body.append(...added.map((one) => row(one, names, longest)));
      older.hidden = added.length === 0 || more.length < limit;
      count();
      fill(status, added.length ? '' : 'There are no older traces.');
    } catch (error) {
      fill(status, `✖ ${error.message}`);
    }
    older.disabled = false;
  });
  count();
  fill(root, h('div.listhead', {}, total, h('span.note', {}, `Read at ${now()}. ${number(stored)} stored in all, including traces without an order.`), compare,
    h('a.button', { href: `/time${address}` }, 'Self time'), h('a.button', { href: `/map${address}` }, 'Service map')),
  h('div.scroll.card', { tabindex: '0', role: 'region', 'aria-label': 'Table of traces' }, table), h('p.buttons', {}, older, status));
  followUnhandled(body, found, (one) => row(one, names, longest), values, signal);
}

/** Read again the orders that are not handled, until they are, however late. */
async function followUnhandled(body, found, draw, values, signal) {
  const end = found[0].start + 1000; // newer orders would displace them
  while (found.some((one) => one.endsAtKafka)) {
    await pause(FOLLOW_MS);
    if (signal.aborted || !body.isConnected) return;
    const answer = document.hidden ? null : await get(`/api/traces${asQuery({ ...values, end })}`, signal).catch(() => null);
    for (const [place, one] of found.entries()) {
      if (!one.endsAtKafka || !answer) continue;
      found[place] = answer.traces.find((other) => other.traceId === one.traceId) ?? one;
      replaceRow(body.rows[place], draw(found[place]));
    }
  }
}

function replaceRow(old, drawn) {
  if (old.textContent === drawn.textContent) return; // a new row would take the focus from the link
  drawn.querySelector('input').checked = old.querySelector('input').checked;
  old.replaceWith(drawn);
}

function row(one, names, longest) {
  const item = names.items.find((candidate) => String(candidate.id) === String(one.itemId))?.name ?? one.itemId;
  const user = names.shoppers.find((candidate) => candidate.id === one.user)?.name ?? one.user;
  return h('tr', { class: one.failed ? 'failed' : '' },
    h('td', {}, h('input', { type: 'checkbox', value: one.traceId, 'aria-label': `Select trace ${short(one.traceId)}` })),
    h('td.nowrap', {}, clock(one.start)),
    h('td', {}, h('a', { href: `/traces/${one.traceId}` }, `${one.service} ${one.name}`), h('span.note', {}, ` ${short(one.traceId)}`)),
    h('td', {}, one.orderId ? [`${one.quantity ?? ''} × ${item ?? ''} `, h('span.note', {}, user ?? '')] : '–'),
    h('td.wide', {}, one.services.map(chip)),
    h('td.number.wide', {}, String(one.spans)),
    h('td', {}, result(one)),
    h('td.number', {}, h('span.meter', { 'aria-hidden': 'true' }, h('span', { style: { width: `${Math.min(1, one.duration / longest) * 100}%` } })), h('span.amount', {}, duration(one.duration))));
}

const badness = (one) => one.errors + Number(one.failed || one.endsAtKafka);

/** Return whether an accepted order should have been handled by now, but is not. */
const isOverdue = (one) => one.endsAtKafka && Date.now() - one.start / 1000 > HANDLED_WITHIN_MS;

/** Return the sign of a trace's result. */
export const sign = (one) => (one.failed || isOverdue(one) ? '✖' : one.endsAtKafka ? '…' : '✓');

/** Show the response's status, the error's type, or that an accepted order is not handled. */
function result(one) {
  const status = Number(one.status);
  const words = [one.status && `${status}${status >= 400 ? ' refused' : one.handled ? ' handled' : ''}`, one.errors && plainType(one.errorTypes.find((type) => type !== String(one.status)) ?? '')].filter(Boolean);
  if (one.failed && one.handled && status < 400) return h('span.mark.warn', {}, `▲ ${words.join(' after ')}`);
  if (one.failed) return mark(true, words.join(', ') || 'error');
  if (!one.endsAtKafka) return mark(false, one.status ? String(one.status) : '');
  const late = isOverdue(one);
  return h('span.mark', { class: late ? 'bad' : '' }, `${sign(one)} ${one.status ?? ''} accepted, not handled${late ? '' : ' yet'}`);
}
