/** Two orders side by side: which spans one has and the other lacks, and what differs in those that both have. */

import { get, query as asQuery, theShop } from './api.js';
import { failure, field, fill, h } from './dom.js';
import { clock, duration, short } from './format.js';
import { flatten, parsed } from './payload.js';
import { go } from './router.js';
import { shade } from './services.js';
import { tree } from './tree.js';

/** Draw the page. */
export async function compare(root, { query, signal }) {
  const [a, b] = await choose(query, signal);
  root.append(await form(a, b, signal));
  if (!a || !b) {
    root.append(h('p.message', {}, a || b ? 'There is no second order to compare with yet. Place one in the shop, with and without an incident.'
      : 'Place two orders in the shop, one of them with an incident on; they are compared here.'));
    return;
  }
  try {
    const both = await Promise.all([a, b].map((id) => get(`/api/traces/${encodeURIComponent(id)}?related=1`, signal)));
    const [left, right] = both.map((trace) => [...trace.spans, ...trace.related.flatMap((one) => one.spans)]);
    const pairs = align(left, right);
    const differences = h('section.card', {}, h('h2', {}, 'What differs in a span'));
    root.append(table(pairs, both, differences), differences);
    const first = pairs.find((pair) => pair.a && pair.b && pair.a.status !== pair.b.status && !pairs.some((other) => other.b?.parent === pair.b.id && other.b?.status === 'ERROR'));
    showDifference(differences, first ?? pairs.find((pair) => pair.a && pair.b));
  } catch (error) {
    if (!signal.aborted) root.append(failure(error));
  }
}

/** The two traces: as the address says, else the latest clean and the latest broken order. */
async function choose(query, signal) {
  const a = query.get('a') ?? '';
  const b = query.get('b') ?? '';
  if (a && b) return [a, b];
  const [recent, broken] = await Promise.all([
    get(`/api/traces${asQuery({ service: 'orders', operation: 'POST /orders', limit: 100 })}`, signal),
    get(`/api/traces${asQuery({ error: true, limit: 20 })}`, signal)]);
  const clean = recent.traces.filter((one) => !one.errors && one.handled);
  const bad = broken.traces.filter((one) => one.traceId !== a);
  const other = [...recent.traces, ...broken.traces].find((one) => one.traceId === (b || a));
  const like = clean.find((one) => one.itemId === other?.itemId && one.traceId !== b) ?? clean.find((one) => one.traceId !== b);
  return [a || like?.traceId || '', b || bad[0]?.traceId || recent.traces.find((one) => one.traceId !== (a || like?.traceId) && !one.handled)?.traceId || ''];
}

async function form(a, b, signal) {
  const { traces } = await get(`/api/traces${asQuery({ limit: 50 })}`, signal);
  const names = await theShop();
  const picker = (name, chosen) => h('select', { name }, h('option', { value: '' }, 'choose …'),
    !traces.some((one) => one.traceId === chosen) && chosen && h('option', { value: chosen, selected: true }, short(chosen)),
    traces.map((one) => h('option', { value: one.traceId, selected: one.traceId === chosen },
      `${one.errors ? '✖' : '✓'} ${clock(one.start)} ${names.items.find((item) => item.id === Number(one.itemId))?.name ?? one.name} ${short(one.traceId)}`)));
  const form = h('form.card.search', {}, field('Clean order', picker('a', a)), field('Broken order', picker('b', b)),
    h('div.buttons', {}, h('button.main', { type: 'submit' }, 'Compare')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = new FormData(form);
    go(`/compare${asQuery({ a: given.get('a'), b: given.get('b') })}`);
  });
  return form;
}

/** Pair the spans of two traces by their place in the tree: who did what below whom, for the how-manieth time. */
export function align(left, right) {
  const keys = (spans) => {
    const paths = new Map();
    const counts = new Map();
    return tree(spans).map(({ span, depth }) => {
      const path = `${paths.get(span.parent) ?? ''}/${span.service} ${span.kind} ${span.name}`;
      paths.set(span.id, path);
      counts.set(path, (counts.get(path) ?? 0) + 1);
      return { key: `${path}#${counts.get(path)}`, span, depth };
    });
  };
  const ours = keys(left);
  const theirs = new Map(keys(right).map((one) => [one.key, one]));
  const pairs = ours.map(({ key, span, depth }) => {
    const found = theirs.get(key);
    theirs.delete(key);
    return { a: span, b: found?.span ?? null, depth };
  });
  return [...pairs, ...[...theirs.values()].map(({ span, depth }) => ({ a: null, b: span, depth }))];
}

function table(pairs, both, differences) {
  const longest = Math.max(...pairs.flatMap(({ a, b }) => [a?.duration ?? 0, b?.duration ?? 0]), 1);
  const head = (name, trace) => h('th', { scope: 'col' }, name, ' ', h('a', { href: `/traces/${trace.traceId}` }, short(trace.traceId)));
  return h('div.scroll.card', { tabindex: '0', role: 'region', 'aria-label': 'Both orders' }, h('table.sides', {},
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Span'), head('Clean', both[0]), head('Broken', both[1]), h('th', { scope: 'col' }, 'Difference'), h('th', { scope: 'col' }, h('span.unseen', {}, 'Details')))),
    h('tbody', {}, pairs.map((pair) => {
      const one = pair.a ?? pair.b;
      return h('tr', { class: pair.b?.status === 'ERROR' || !pair.b || !pair.a ? 'failed' : '' },
        h('th', { scope: 'row' }, h('span.what', { style: { '--depth': Math.min(pair.depth, 8) } }, h('span.dot', { class: shade(one.service) }), h('span.service', {}, one.service), ' ', h('span.op', {}, one.name))),
        side(pair.a, longest), side(pair.b, longest), h('td', {}, difference(pair)),
        h('td', {}, pair.a && pair.b && h('button.linkish', { type: 'button', 'aria-label': `What differs in ${one.service} ${one.name}`, onclick: () => { showDifference(differences, pair); differences.scrollIntoView({ block: 'nearest' }); } }, 'what differs')));
    }))));
}

function side(span, longest) {
  if (!span) return h('td.missing', {}, '– not there');
  const failed = span.status === 'ERROR';
  return h('td', {}, h('span.meter', { 'aria-hidden': 'true' }, h('span', { class: shade(span.service), style: { width: `${(span.duration / longest) * 100}%` } })),
    duration(span.duration), failed && h('span.mark.bad', {}, ` ✖ ${span.attributes['error.type'] ?? 'error'}`));
}

function difference({ a, b }) {
  if (!b) return 'missing in the broken order';
  if (!a) return 'only in the broken order';
  if (a.status !== b.status) return b.status === 'ERROR' ? 'fails' : 'failed in the clean one';
  const times = (b.duration + 1) / (a.duration + 1);
  const far = Math.abs(b.duration - a.duration) > 20_000;
  return far && (times > 2 || times < 0.5) ? `${times.toFixed(1)} times as long` : 'alike';
}

function showDifference(root, pair) {
  const heading = h('h2', {}, 'What differs in a span');
  if (!pair) {
    fill(root, heading, h('p.note', {}, 'No span is in both.'));
    return;
  }
  const [left, right] = [pair.a, pair.b].map((span) => new Map(Object.entries(span.attributes)
    .flatMap(([name, value]) => (parsed(value) === undefined ? [[name, String(value)]] : flatten(value).map(([path, one]) => [path ? `${name} › ${path}` : name, one])))));
  const rows = [...new Set([...left.keys(), ...right.keys()])].filter((name) => left.get(name) !== right.get(name))
    .sort((x, y) => Number(left.has(x) && right.has(x)) - Number(left.has(y) && right.has(y)) || x.localeCompare(y));
  const cell = (value) => (value === undefined ? h('td.missing', {}, '– not there') : h('td', {}, h('code', {}, value)));
  fill(root, heading, h('p', {}, h('strong', {}, `${pair.b.service} › ${pair.b.name}`)),
    pair.b.message && h('p.message.bad', {}, pair.b.message),
    h('div.scroll', {}, h('table.attributes', {}, h('thead', {}, h('tr', {}, ['Attribute', 'Clean', 'Broken'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, rows.map((name) => h('tr', { class: left.has(name) && right.has(name) ? '' : 'failed' }, h('th', { scope: 'row' }, name), cell(left.get(name)), cell(right.get(name))))))));
}
