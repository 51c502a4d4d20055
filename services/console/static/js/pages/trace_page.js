import { get, pause, getShopInfo } from '../lib/api.js';
import { fill, h } from '../lib/dom.js';
import { clock, duration, plural, short } from '../lib/format.js';
import { logLines } from '../trace/log_lines.js';
import { chip, mark } from '../lib/services.js';
import { complete, spansOf } from '../trace/outline.js';
import { exception, spanDetail } from '../trace/span_detail.js';
import { culprits } from '../trace/tree.js';
import { waterfall } from '../trace/waterfall.js';

const TIMEOUT_MS = 6000;
const MOST_ERRORS = 20;
const MOST_LOGGED = 20; // traces whose logs are read

export async function tracePage(root, { params, signal }) {
  const names = await getShopInfo();
  const trace = await read(params.id, root, signal);
  if (signal.aborted) return;
  const all = trace.spans.concat(...trace.related.map((one) => one.spans));
  const detail = h('div.aside', { 'aria-live': 'off' });
  const body = h('div.columns');
  let chosen = null;
  const isChosen = (span) => span === chosen;
  const choose = (span, button) => {
    chosen = span;
    for (const other of body.querySelectorAll('button.row')) other.setAttribute('aria-pressed', String(button ? other === button : other.dataset.span === span.id));
    fill(detail, spanDetail(span, all, signal));
    if (button && matchMedia('(max-width: 1000px)').matches) {
      detail.scrollIntoView({ block: 'start' });
      detail.querySelector('h2').focus({ preventScroll: true });
    }
  };
  const bad = culprits(all);
  await complete(bad.slice(0, MOST_ERRORS), signal);
  const logs = h('section.card', {}, h('h2', {}, 'Logs of this trace'), h('p.note', {}, 'Loading …'));
  fill(body, h('div.mid', {},
    errors(bad, choose),
    h('section.card', { 'aria-labelledby': 'waterfall-title' }, h('h2', { id: 'waterfall-title' }, 'Waterfall'),
      h('p.note', {}, h('span.key-critical', { 'aria-hidden': 'true' }), ' critical path: these parts determine the duration. Select a span to see its details.'),
      waterfall(trace.spans, { choose, isChosen })),
    trace.related.map((one) => related(one, choose, isChosen)),
    trace.moreLinked ? h('p.note', { role: 'note' }, `${plural(trace.moreLinked, 'more linked traces')}: not shown.`) : '',
    logs), detail);
  let top = head(trace, names, all);
  root.append(top, body);
  choose(bad[0] ?? trace.spans[0], null);
  showLogs(logs, all, params.id, signal);
  if (trace.summary.endsAtKafka) followEnd(params.id, signal, (latest) => { top.replaceWith(top = head({ ...trace, ...latest }, names, all)); });
}

async function read(id, root, signal) {
  const began = Date.now();
  const over = () => Date.now() - began > TIMEOUT_MS;
  const waiting = h('p.note', { role: 'status' }, 'Loading …');
  root.append(waiting);
  for (;;) {
    try {
      const trace = await get(`/api/traces/${encodeURIComponent(id)}?related=1&outline=1${over() ? '' : '&awaited=1'}`, signal);
      if (trace.summary) {
        waiting.remove();
        for (const one of [trace, ...trace.related]) one.spans = spansOf(one);
        return trace;
      }
      waiting.textContent = 'Waiting for its first span …';
      await pause(400);
    } catch (error) {
      waiting.remove();
      throw error;
    }
  }
}

/** Read again whether an order is finished, which is known a few seconds after its sending. */
async function followEnd(id, signal, show) {
  for (let times = 0; times < 5 && !signal.aborted; times += 1) {
    await pause(1500);
    const { unprocessed, spans } = await get(`/api/traces/${encodeURIComponent(id)}?related=1&outline=1`, signal).catch(() => ({}));
    if (spans && !signal.aborted) show({ unprocessed });
  }
}

function head(trace, names, all) {
  const { summary } = trace;
  const error = all.some((span) => span.status === 'ERROR');
  const failed = error || summary.failed;
  const result = failed ? mark(true, error ? 'with errors' : `${summary.status} refused`) : trace.unprocessed ? h('span.mark.bad', {}, '… not finished') : mark(false, 'no errors');
  return h('div.head', {},
    h('p.facts', {}, result, h('strong', {}, summary.name || '(no name)'), h('span', {}, summary.start ? clock(summary.start) : 'no time'),
      h('span', {}, duration(summary.duration)), h('span', {}, plural(trace.spans.length, 'spans')), summary.services.map(chip)),
    trace.unprocessed && h('p.message.bad', {}, 'Not finished: Kafka has the order, but stock-updater has not processed it.'),
    h('p.facts.small', {}, h('span', {}, 'trace ', h('code', {}, trace.traceId)),
      summary.orderId && h('span', {}, 'order ', h('a', { href: `/traces?order=${encodeURIComponent(summary.orderId)}` }, summary.orderId)),
      summary.itemId !== null && h('span', {}, 'item ', h('a', { href: `/traces?item=${encodeURIComponent(summary.itemId)}` }, names.items.find((one) => String(one.id) === String(summary.itemId))?.name ?? String(summary.itemId))),
      summary.user && h('span', {}, 'shopper ', h('a', { href: `/traces?user=${encodeURIComponent(summary.user)}` }, shopper(names, summary.user)))),
    h('p.buttons', {},
      h('a.button', { href: failed || trace.unprocessed ? `/compare?b=${trace.traceId}` : `/compare?a=${trace.traceId}` }, failed || trace.unprocessed ? 'Compare with a clean order' : 'Compare with a broken order'),
      h('a.button', { href: `/time?ids=${trace.traceId}` }, 'Self time'),
      names.jaeger && h('a.button', { href: names.jaeger.replace('{traceId}', trace.traceId), target: '_blank', rel: 'noreferrer' }, 'Open in Jaeger ↗')));
}

function shopper(names, id) {
  return names.shoppers.find((one) => one.id === id)?.name ?? id;
}

function errors(bad, choose) {
  if (!bad.length) return null;
  return h('section.card.errors', { 'aria-labelledby': 'errors-title' }, h('h2', { id: 'errors-title' }, 'Where it failed'),
    h('p.note', {}, 'The deepest spans with an error. The spans above them failed as a consequence.'),
    bad.length > MOST_ERRORS && h('p.note', {}, `The first ${MOST_ERRORS} of ${plural(bad.length, 'spans')}.`),
    bad.slice(0, MOST_ERRORS).map((span) => h('div.culprit', {},
      h('button.linkish', { type: 'button', onclick: () => choose(span, span) }, `${span.service} › ${span.name}`),
      span.events.some((event) => event.name === 'exception')
        ? span.events.filter((event) => event.name === 'exception').map(exception)
        : h('p', {}, span.message || span.attributes['error.type'] || 'status ERROR'))));
}

function related(one, choose, isChosen) {
  return h('section.card', {}, h('h2', {}, `Related trace ${short(one.traceId)}`),
    h('p.note', {}, `Reason: ${one.why}. `, h('a', { href: `/traces/${one.traceId}` }, 'Open the trace')),
    waterfall(one.spans, { choose, isChosen }));
}

async function showLogs(root, spans, id, signal) {
  const ids = [...new Set([id, ...spans.map((span) => span.traceId)])].slice(0, MOST_LOGGED);
  const found = await Promise.all(ids.map((one) => get(`/api/logs?traceId=${encodeURIComponent(one)}`, signal).catch((error) => ({ records: [], error }))));
  if (signal.aborted) return;
  const records = found.flatMap((one) => one.records).sort((a, b) => a.timestamp - b.timestamp);
  fill(root, h('h2', {}, 'Logs of this trace'), records.length ? logLines(records) : h('p.note', {}, found.find((one) => one.error)?.error.message ?? 'No log records.'));
}
