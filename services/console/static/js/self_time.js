/** Where our code spends its time, over a chosen set of orders. */

import { get, query as asQuery } from './api.js';
import { failure, fill, h } from './dom.js';
import { duration } from './format.js';
import { remember } from './router.js';
import { searchForm } from './search_form.js';
import { chip, shade } from './services.js';

/** Draw the page. */
export async function selfTime(root, { query, signal }) {
  const results = h('div');
  const ids = query.get('ids');
  const load = async (values, address) => {
    try {
      remember(`/time${address}`);
      draw(results, await get(`/api/time${asQuery(values)}`, signal), Boolean(values.ids));
    } catch (error) {
      if (!signal.aborted) fill(results, failure(error));
    }
  };
  const form = await searchForm(query, signal, (values) => load(values, asQuery(values)));
  root.append(h('details', { open: !ids }, h('summary', {}, ids ? 'Choose other orders' : 'Which orders?'), form.form), results);
  if (!ids && !query.get('limit')) form.form.elements.limit.value = '100';
  await load(ids ? { ids } : form.values(), ids ? asQuery({ ids }) : asQuery(form.values()));
}

function draw(root, { traces, totalUs, rows }, one) {
  if (!traces) {
    fill(root, h('p.card', {}, 'No order fits.'));
    return;
  }
  const services = new Map();
  for (const row of rows) services.set(row.service, (services.get(row.service) ?? 0) + row.selfUs);
  const parts = [...services].sort((a, b) => b[1] - a[1]);
  fill(root,
    h('section.card', {}, h('h2', {}, 'By service'),
      h('p.note', {}, `${one ? 'One order' : `${traces} orders`}, ${duration(totalUs)} of self time in all: time in which a span ran and none below it did.`),
      h('div.share', { 'aria-hidden': 'true' }, parts.map(([name, us]) => h('span', { class: shade(name), style: { 'flex-grow': us } }))),
      h('ul.plain', {}, parts.map(([name, us]) => h('li', {}, chip(name), ` ${percent(us / totalUs)}, ${duration(us)}`)))),
    h('section.card', {}, h('h2', {}, 'By operation'), h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Self time by operation' }, h('table.time', {},
      h('thead', {}, h('tr', {}, ['Service', 'Operation', 'Self time', 'Share', 'Each', 'Count', 'Errors'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, rows.map((row) => h('tr', { class: row.errors ? 'failed' : '' },
        h('td', {}, chip(row.service)),
        h('td', {}, h('a', { href: `/traces${asQuery({ service: row.service, operation: row.operation })}` }, row.operation), h('span.note', {}, ` ${row.kind}`)),
        h('td.number', {}, h('span.meter.wide', { 'aria-hidden': 'true' }, h('span', { class: shade(row.service), style: { width: percent(row.selfUs / (rows[0].selfUs || 1)) } })), duration(row.selfUs)),
        h('td.number', {}, percent(row.share)), h('td.number', {}, duration(row.selfUs / row.count)), h('td.number', {}, String(row.count)),
        h('td.number', {}, row.errors ? `✖ ${row.errors}` : '0'))))))));
}

const percent = (part) => `${(part * 100).toFixed(1)}%`;
