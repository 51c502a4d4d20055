import { get, pause } from '../lib/api.js';
import { announce, fill, h } from '../lib/dom.js';
import { duration } from '../lib/format.js';
import { finished, hops, sign } from '../trace/hops.js';
import { waterfall } from '../trace/waterfall.js';

/** An accepted order that takes longer counts as not handled. */
export const HANDLED_WITHIN_MS = 10_000;
const SAMPLED_TIMEOUT_MS = 15_000; // a Collector with tail sampling decides after 10 s

/**
 * Show an order's timeline and trace until the order is handled, however late, or another order is placed.
 * @param {object} entry {outcome, order, item}; `handled` is set on it
 * @param {object} names {topic, table, tailSampling}
 * @param {function} moved called after each update
 */
export async function followOrder(root, entry, names, signal, moved) {
  const mine = Symbol('order');
  root.following = mine;
  const { outcome } = entry;
  const sampled = names.tailSampling < 100;
  let began = Date.now();
  let spans = [];
  let drawn = '';
  draw(root, entry, hops(outcome, spans, names), spans, { done: false, over: false, unreadable: null, dropped: null });
  for (;;) {
    let unreadable = null;
    const found = outcome.traceId ? await get(`/api/traces/${outcome.traceId}?related=1&awaited=1`, signal).catch((error) => { unreadable = error; }) : null;
    if (signal.aborted || root.following !== mine) return;
    if (found) spans = [...found.spans, ...found.related.flatMap((one) => one.spans)];
    const rows = hops(outcome, spans, names);
    const done = finished(outcome, rows);
    if (unreadable) began = Date.now(); // the order's time counts once its trace can be read
    const over = Date.now() - began > (sampled ? SAMPLED_TIMEOUT_MS : HANDLED_WITHIN_MS);
    // Services export their spans independently: later hops may arrive before earlier ones.
    const whole = outcome.accepted ? rows.slice(0, 3).every((row) => row.state !== 'never') : spans.some((span) => span.kind === 'SERVER') || !outcome.traceId;
    const settled = done && (whole || over);
    const dropped = sampled && over && !spans.length ? names.tailSampling : null;
    if ((settled || over) && dropped === null) entry.handled = rows[3].state === 'good' && rows[4].state !== 'bad';
    const state = { done: settled, over, unreadable, dropped };
    const key = JSON.stringify([rows, spans.length, { ...state, unreadable: unreadable?.message }]);
    if (key !== drawn) { // drawing takes the focus from the link to the trace
      draw(root, entry, rows, spans, state);
      moved();
    }
    drawn = key;
    if ((settled && (entry.handled || !outcome.accepted)) || dropped !== null) return;
    await pause(unreadable || over || settled ? 2000 : 250); // a retry, a part that is up again or a replay may handle it later
  }
}

function draw(root, entry, rows, spans, state) {
  const { outcome } = entry;
  const { done, over } = state;
  const text = verdict(entry, state, spans);
  if (root.dataset.announced !== text) announce(text);
  root.dataset.announced = text;
  const problem = outcome.answer?.detail ?? outcome.answer?.message ?? outcome.answer?.error_description;
  fill(root, h('h2', { id: 'progress-title' }, 'Order timeline'),
    h('p.verdict', { class: state.dropped !== null ? 'wait' : done ? (entry.handled ? 'good' : 'bad') : over ? 'bad' : 'wait' }, text),
    !outcome.accepted && problem && h('p.message.bad', {}, problem),
    h('div.timeline', {},
      h('ol.hops', {}, rows.map((row) => h('li', { class: row.state },
        h('span.sign', { 'aria-hidden': 'true' }, sign(row.state)),
        h('span.hop', {}, row.name, h('span.unseen', {}, ` (${WORDS[row.state]})`), row.detail && h('span.note', {}, row.detail)),
        h('span.us', {}, row.us === null ? '' : duration(row.us))))),
      h('div.beside', {}, spans.length ? waterfall(spans, { compact: true }) : h('p.note', {}, state.unreadable ? 'No spans can be read.' : outcome.traceId ? 'Waiting for spans …' : 'The order has no trace.'),
        h('p.buttons', {}, outcome.traceId && h('a.button', { href: `/traces/${outcome.traceId}` }, 'Open the trace'),
          spans.some((span) => span.kind === 'PRODUCER' && /\.dlq$/.test(span.attributes['messaging.destination.name'])) && h('a.button', { href: '/dead-letters' }, 'Open dead letters')))));
}

const WORDS = { wait: 'waiting', good: 'done', bad: 'failed', never: 'not reached' };

function verdict({ outcome, handled }, { done, over, unreadable, dropped }, spans) {
  const us = Math.max(...spans.map((span) => span.start + span.duration)) - Math.min(...spans.map((span) => span.start));
  if (!outcome.accepted) return `✖ Refused: ${outcome.hop} returned ${outcome.status}.`;
  if (unreadable) return `? Accepted. Whether it was handled is unknown: ${unreadable.message.replace(/\.?$/, '.')}`;
  if (dropped !== null) return `? Accepted. Its trace is not stored: the Collector keeps errors and ${dropped} % of the rest. The stock shows whether it was handled.`;
  if (done) return handled ? `✓ Accepted and handled${us > 0 ? ` in ${duration(us)}` : ''}: the stock was updated.` : '✖ Accepted, but not handled so far. The shopper gets no error.';
  if (over) return `✖ Accepted, but not handled within ${HANDLED_WITHIN_MS / 1000} s. There may be no error.`;
  return '… Accepted. Waiting for stock-updater.';
}
