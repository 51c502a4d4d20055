/** Follows one order from the answer to the written stock, with its trace beside it. */

import { get, pause } from './api.js';
import { announce, fill, h } from './dom.js';
import { duration } from './format.js';
import { finished, hops, sign } from './hops.js';
import { waterfall } from './waterfall.js';

const PATIENCE_MS = 10_000;

/**
 * Show an order's way until it is done, or has not moved for long.
 * @param {HTMLElement} root where
 * @param {object} entry {outcome, order, item}; `handled` is set on it
 * @param {object} names the shop's
 * @param {AbortSignal} signal ends it
 * @param {function} moved is called when something about the entry is known
 */
export async function followOrder(root, entry, names, signal, moved) {
  const mine = Symbol('order');
  root.following = mine;
  const { outcome } = entry;
  const began = Date.now();
  let spans = [];
  for (;;) {
    const found = outcome.traceId ? await get(`/api/traces/${outcome.traceId}?related=1&awaited=1`, signal).catch(() => null) : null;
    if (signal.aborted || root.following !== mine) return;
    if (found) spans = [...found.spans, ...found.related.flatMap((one) => one.spans)];
    const rows = hops(outcome, spans, names);
    const done = finished(outcome, rows);
    const over = Date.now() - began > PATIENCE_MS;
    // Each service sends its spans when it likes: the end of an order may be here before its beginning.
    const whole = outcome.accepted ? rows.slice(0, 3).every((row) => row.state !== 'never') : spans.some((span) => span.kind === 'SERVER') || !outcome.traceId;
    const settled = done && (whole || over);
    if (settled || over) entry.handled = rows[3].state === 'good' && rows[4].state !== 'bad';
    draw(root, entry, rows, spans, settled, over);
    moved();
    if (settled || over) return;
    await pause(250);
  }
}

function draw(root, entry, rows, spans, done, over) {
  const { outcome } = entry;
  const text = verdict(entry, rows, done, over);
  if (root.dataset.said !== text) announce(text);
  root.dataset.said = text;
  const problem = outcome.answer?.detail ?? outcome.answer?.message ?? outcome.answer?.error_description;
  fill(root, h('h2', { id: 'progress-title' }, 'The order’s way'),
    h('p.verdict', { class: done ? (entry.handled ? 'good' : 'bad') : over ? 'bad' : 'wait' }, text),
    !outcome.accepted && problem && h('p.message.bad', {}, problem),
    h('div.way', {},
      h('ol.hops', {}, rows.map((row) => h('li', { class: row.state },
        h('span.sign', { 'aria-hidden': 'true' }, sign(row.state)),
        h('span.hop', {}, row.name, h('span.unseen', {}, ` (${WORDS[row.state]})`), row.detail && h('span.note', {}, row.detail)),
        h('span.us', {}, row.us === null ? '' : duration(row.us))))),
      h('div.beside', {}, spans.length ? waterfall(spans, { compact: true }) : h('p.note', {}, 'Its spans are on their way.'),
        outcome.traceId && h('p', {}, h('a.button', { href: `/traces/${outcome.traceId}` }, 'Open the trace')))));
}

const WORDS = { wait: 'awaited', good: 'done', bad: 'failed', never: 'not reached' };

function verdict({ outcome, handled }, rows, done, over) {
  if (!outcome.accepted) return `✖ Refused: ${outcome.hop} answered ${outcome.status}.`;
  if (done) return handled ? '✓ Accepted and handled: the stock is written.' : '✖ Accepted, but not handled. The shopper does not know.';
  if (over) return '✖ Accepted, but nobody has handled it yet. There may be no error at all.';
  return '… Accepted by Kafka; on its way.';
}
