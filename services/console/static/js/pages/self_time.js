import { get, query as asQuery } from '../lib/api.js';
import { breakable, fill, h, stacked } from '../lib/dom.js';
import { duration, now, plural } from '../lib/format.js';
import { remember } from '../lib/router.js';
import { searchForm, searching } from './search_form.js';
import { chip, shade } from '../lib/services.js';

export async function selfTime(root, { query, signal }) {
  const results = h('div');
  const ids = query.get('ids');
  const load = searching(results, signal, async (values) => {
    remember(`/time${asQuery(values)}`);
    const time = await get(`/api/time${asQuery(values)}`, signal);
    return { empty: !time.traces, show: () => draw(results, time, Boolean(values.ids)) };
  });
  const form = await searchForm(query, signal, load);
  root.append(h('details', { open: !ids && !matchMedia('(max-width: 560px)').matches }, h('summary', {}, ids ? 'Select other orders' : 'Filter orders'), form.form), results);
  if (!ids && !query.get('limit')) form.form.elements.limit.value = '100';
  await load(ids ? { ids } : form.values());
}

function draw(root, { traces, totalUs, rows }, one) {
  if (!traces) {
    fill(root, h('p.card', {}, 'No matching orders. The page shows the next one by itself.'));
    return;
  }
  const services = new Map();
  for (const row of rows) services.set(row.service, (services.get(row.service) ?? 0) + row.selfUs);
  const parts = [...services].sort((a, b) => b[1] - a[1]);
  fill(root,
    h('section.card', {}, h('h2', {}, 'By service'),
      h('p.note', {}, `${one ? 'One trace' : plural(traces, 'traces')}, read at ${now()}, ${duration(totalUs)} of self time: the time of spans without that of their children.`),
      h('div.share', { 'aria-hidden': 'true' }, parts.map(([name, us]) => h('span', { class: shade(name), style: { 'flex-grow': us } }))),
      h('ul.plain', {}, parts.map(([name, us]) => h('li.amounts', {}, chip(name), h('span', {}, percent(us / totalUs)), h('span', {}, duration(us)))))),
    h('section.card', {}, h('h2', {}, 'By operation'), h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Self time by operation' }, stacked(h('table.time', {},
      h('thead', {}, h('tr', {}, ['Service', 'Operation', 'Self time', 'Share', 'Per span', 'Count', 'Errors'].map((name, place) => h('th', { scope: 'col', class: place > 1 ? 'number' : '' }, name)))),
      h('tbody', {}, rows.map((row) => h('tr', { class: row.errors ? 'failed' : '' },
        h('td', {}, chip(row.service)),
        h('td', {}, h('a', { href: `/traces${asQuery({ service: row.service, operation: row.operation })}` }, breakable(row.operation)), h('span.note', {}, ` ${row.kind}`)),
        h('td.number', {}, h('span.meter.wide', { 'aria-hidden': 'true' }, h('span', { class: shade(row.service), style: { width: `${(row.selfUs / (rows[0].selfUs || 1)) * 100}%` } })), h('span.amount', {}, duration(row.selfUs))),
        h('td.number', {}, percent(row.share)), h('td.number', {}, duration(row.selfUs / row.count)), h('td.number', {}, String(row.count)),
        h('td.number', {}, row.errors ? `✖ ${row.errors}` : '0')))))))));
}

const percent = (part) => `${(part * 100).toFixed(1)} %`;
