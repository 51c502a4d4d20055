/** One trace: what failed, the waterfall, and the detail of the span that is chosen. */

import { get, pause, theShop } from './api.js';
import { fill, h } from './dom.js';
import { clock, duration, short } from './format.js';
import { logLines } from './log_lines.js';
import { chip, mark } from './services.js';
import { exception, spanDetail } from './span_detail.js';
import { culprits } from './tree.js';
import { waterfall } from './waterfall.js';

const PATIENCE_MS = 6000;

/** Draw the page. */
export async function tracePage(root, { params, signal }) {
  const names = await theShop();
  const trace = await read(params.id, root, signal);
  if (signal.aborted) return;
  const all = [...trace.spans, ...trace.related.flatMap((one) => one.spans)];
  const detail = h('div.aside', { 'aria-live': 'off' });
  const body = h('div.columns');
  const choose = (span, button) => {
    for (const other of body.querySelectorAll('button.row')) other.setAttribute('aria-pressed', String(other.dataset.span === span.id));
    fill(detail, spanDetail(span, all, signal));
    if (button && matchMedia('(max-width: 1000px)').matches) {
      detail.scrollIntoView({ block: 'start' });
      detail.querySelector('h2').focus({ preventScroll: true });
    }
  };
  const bad = culprits(all);
  fill(body, h('div.mid', {},
    errors(bad, choose),
    h('section.card', { 'aria-labelledby': 'waterfall-title' }, h('h2', { id: 'waterfall-title' }, 'Waterfall'),
      h('p.note', {}, h('span.key-critical', { 'aria-hidden': 'true' }), ' critical path: shorten these parts and the order gets faster. Choose a span for its details.'),
      waterfall(trace.spans, { choose })),
    trace.related.map((one) => related(one, choose)),
    await logsOf(all, params.id, signal)), detail);
  root.append(head(trace, names, all), body);
  choose(bad[0] ?? trace.spans[0], null);
}

async function read(id, root, signal) {
  const began = Date.now();
  const over = () => Date.now() - began > PATIENCE_MS;
  const waiting = h('p.note', { role: 'status' }, 'Reading …');
  root.append(waiting);
  for (;;) {
    try {
      const trace = await get(`/api/traces/${encodeURIComponent(id)}?related=1${over() ? '' : '&awaited=1'}`, signal);
      if (trace.spans.length) {
        waiting.remove();
        return trace;
      }
      waiting.textContent = 'No span of it has arrived yet …';
      await pause(400);
    } catch (error) {
      waiting.remove();
      throw error;
    }
  }
}

function head(trace, names, all) {
  const { summary } = trace;
  const failed = all.some((span) => span.status === 'ERROR');
  return h('div.head', {},
    h('p.facts', {}, mark(failed, failed ? 'with errors' : 'no errors'), h('strong', {}, `${summary.name}`), h('span', {}, clock(summary.start)),
      h('span', {}, duration(summary.duration)), h('span', {}, `${trace.spans.length} spans`), summary.services.map(chip)),
    h('p.facts.small', {}, h('span', {}, 'trace ', h('code', {}, trace.traceId)),
      summary.orderId && h('span', {}, 'order ', h('a', { href: `/traces?order=${encodeURIComponent(summary.orderId)}` }, summary.orderId)),
      summary.itemId !== null && h('span', {}, 'item ', h('a', { href: `/traces?item=${encodeURIComponent(summary.itemId)}` }, String(summary.itemId))),
      summary.user && h('span', {}, 'by ', h('a', { href: `/traces?user=${encodeURIComponent(summary.user)}` }, shopper(names, summary.user)))),
    h('p.buttons', {},
      h('a.button', { href: failed ? `/compare?b=${trace.traceId}` : `/compare?a=${trace.traceId}` }, failed ? 'Compare with a clean order' : 'Compare with a broken order'),
      h('a.button', { href: `/time?ids=${trace.traceId}` }, 'Where its time went'),
      names.jaeger && h('a.button', { href: names.jaeger.replace('{traceId}', trace.traceId), target: '_blank', rel: 'noreferrer' }, 'Open in Jaeger ↗')));
}

function shopper(names, id) {
  return names.shoppers.find((one) => one.id === id)?.name ?? id;
}

function errors(bad, choose) {
  if (!bad.length) return null;
  return h('section.card.errors', { 'aria-labelledby': 'errors-title' }, h('h2', { id: 'errors-title' }, 'Where it failed'),
    h('p.note', {}, 'The deepest spans with an error; whatever is above them failed because of them.'),
    bad.map((span) => h('div.culprit', {},
      h('button.linkish', { type: 'button', onclick: () => choose(span, span) }, `${span.service} › ${span.name}`),
      span.events.some((event) => event.name === 'exception')
        ? span.events.filter((event) => event.name === 'exception').map(exception)
        : h('p', {}, span.message || span.attributes['error.type'] || 'status ERROR'))));
}

function related(one, choose) {
  return h('section.card', {}, h('h2', {}, `Belongs to it: trace ${short(one.traceId)}`),
    h('p.note', {}, `Why: ${one.why}. `, h('a', { href: `/traces/${one.traceId}` }, 'Open it')),
    waterfall(one.spans, { choose }));
}

async function logsOf(spans, id, signal) {
  const ids = [...new Set([id, ...spans.map((span) => span.traceId)])];
  const found = await Promise.all(ids.map((one) => get(`/api/logs?traceId=${encodeURIComponent(one)}`, signal).catch(() => ({ records: [] }))));
  const records = found.flatMap((one) => one.records).sort((a, b) => a.timestamp - b.timestamp);
  return h('section.card', {}, h('h2', {}, 'Logs of this trace'), records.length ? logLines(records) : h('p.note', {}, 'There are none.'));
}
