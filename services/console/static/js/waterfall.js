/** A trace on a time axis: a row a span, its bar where it ran, the critical path marked. */

import { criticalPath } from './critical_path.js';
import { h } from './dom.js';
import { duration } from './format.js';
import { shade } from './services.js';
import { tree } from './tree.js';

/**
 * Draw a waterfall.
 * @param {Array} spans of one trace, and of those linked to it
 * @param {{compact?: boolean, path?: boolean, choose?: function(object), from?: number, to?: number}} options
 *   `choose` is called with the span of a row that is pressed
 * @returns {HTMLElement}
 */
export function waterfall(spans, { compact = false, path = true, choose = null, from, to } = {}) {
  const begin = from ?? Math.min(...spans.map((span) => span.start));
  const end = to ?? Math.max(...spans.map((span) => span.start + span.duration));
  const whole = Math.max(end - begin, 1);
  const percent = (us) => `${((us / whole) * 100).toFixed(3)}%`;
  const critical = path ? criticalPath(spans) : new Map();
  const rows = tree(spans).map((row) => line(row, { begin, percent, critical, compact, choose, whole }));
  return h('div.waterfall', { class: compact ? 'compact' : '' },
    !compact && h('div.axis', { 'aria-hidden': 'true' }, h('span'), h('span.ticks', {},
      [0, 0.25, 0.5, 0.75, 1].map((part) => h('span', { style: { left: `${part * 100}%` } }, duration(whole * part))))),
    h('ol.rows', {}, rows));
}

function line({ span, depth, orphan }, { begin, percent, critical, compact, choose, whole }) {
  const failed = span.status === 'ERROR';
  const offset = span.start - begin;
  const bar = h('span.bar', { class: `${shade(span.service)}${failed ? ' failed' : ''}`,
    style: { left: percent(offset), width: percent(span.duration) } });
  const pieces = (critical.get(span.id) ?? []).map(([from, to]) => h('span.critical', {
    style: { left: percent(from - begin), width: percent(to - from) } }));
  const name = h('span.what', { style: { '--depth': Math.min(depth, 8) } },
    h('span.dot', { class: shade(span.service), 'aria-hidden': 'true' }),
    failed && h('span.mark.bad', {}, '✖', h('span.unseen', {}, ' failed: ')),
    h('span.service', {}, span.service), ' ',
    h('span.op', {}, span.name),
    !compact && h('span.kind', {}, span.kind),
    orphan && h('span.tag', {}, 'parent not here'));
  const late = offset > whole * 0.62;
  const track = h('span.track', {}, bar, pieces, h('span.us', { class: late ? 'before' : '',
    style: late ? { right: percent(whole - offset) } : { left: percent(Math.min(offset + span.duration, whole)) } }, duration(span.duration)));
  if (!choose) return h('li.row', { class: failed ? 'failed' : '' }, name, track);
  const button = h('button.row', { type: 'button', class: failed ? 'failed' : '', 'data-span': span.id, 'aria-pressed': 'false',
    onclick: () => choose(span, button) }, name, track);
  return h('li', {}, button);
}
