import { criticalPath } from './critical_path.js';
import { breakable, h } from '../lib/dom.js';
import { duration, plural } from '../lib/format.js';
import { shade } from '../lib/services.js';
import { place } from './tree.js';

const DEEPEST = 8;
const MOST_ROWS = 400; // with more, only the visible rows are in the document
const ROW_PX = 34;
const MARGIN_ROWS = 10;

/**
 * Draw a waterfall.
 * @param {Array} spans of a trace and of linked ones
 * @param {{compact?: boolean, path?: boolean, choose?: function(object), isChosen?: function(object), from?: number, to?: number}} options
 *   `choose` is called with the selected span; `isChosen` returns whether a span is selected
 * @returns {HTMLElement}
 */
export function waterfall(spans, { compact = false, path = true, choose = null, isChosen = () => false, from, to } = {}) {
  const timed = spans.some((span) => span.start) ? spans.filter((span) => span.start) : spans;
  const begin = from ?? timed.reduce((first, span) => Math.min(first, span.start), Infinity);
  const end = to ?? timed.reduce((last, span) => Math.max(last, span.start + span.duration), -Infinity);
  const whole = Math.max(end - begin, 1);
  const percent = (us) => `${((us / whole) * 100).toFixed(3)}%`;
  const placed = place(spans);
  const critical = path ? criticalPath(placed) : new Map();
  const draw = (row) => line(row, { begin, percent, critical, compact, choose, isChosen, whole });
  const large = placed.rows.length > MOST_ROWS;
  return h('div.waterfall', { class: `${compact ? 'compact' : ''} ${large ? 'windowed' : ''}` },
    placed.notes.map((note) => h('p.note', { role: 'note' }, note)),
    large && h('p.note', {}, `${plural(placed.rows.length, 'spans')}. Scroll, or use the arrow, Page, Home and End keys in the list.`),
    !compact && h('div.axis', { 'aria-hidden': 'true' }, h('span'), h('span.ticks', {},
      [0, 0.25, 0.5, 0.75, 1].map((part) => h('span', { style: { left: `${part * 100}%` } }, duration(whole * part))))),
    large ? windowed(placed.rows, draw) : h('ol.rows', {}, placed.rows.map(draw)));
}

/** Make a list that has only its visible rows in the document. */
function windowed(rows, draw) {
  const list = h('ol.rows', { style: { height: `${rows.length * ROW_PX}px` } });
  const box = h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Spans' }, list);
  const shown = new Map();
  const show = () => {
    const first = Math.max(0, Math.floor(box.scrollTop / ROW_PX) - MARGIN_ROWS);
    const last = Math.min(rows.length, Math.ceil((box.scrollTop + (box.clientHeight || 600)) / ROW_PX) + MARGIN_ROWS);
    for (const [index, item] of shown) {
      if ((index < first || index >= last) && !item.contains(document.activeElement)) {
        item.remove();
        shown.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) if (!shown.has(index)) add(index);
  };
  const add = (index) => {
    const item = draw(rows[index]);
    item.setAttribute('aria-setsize', rows.length);
    item.setAttribute('aria-posinset', index + 1);
    item.style.setProperty('top', `${index * ROW_PX}px`);
    item.dataset.index = index;
    const next = [...list.children].find((other) => Number(other.dataset.index) > index);
    list.insertBefore(item, next ?? null);
    shown.set(index, item);
  };
  box.addEventListener('scroll', show, { passive: true });
  box.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(box.clientHeight / ROW_PX) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const from = Number(document.activeElement.closest('li')?.dataset.index ?? Math.floor(box.scrollTop / ROW_PX) - Math.sign(step));
    const index = Math.max(0, Math.min(rows.length - 1, from + step));
    if (index * ROW_PX < box.scrollTop) box.scrollTop = index * ROW_PX;
    else if ((index + 1) * ROW_PX > box.scrollTop + box.clientHeight) box.scrollTop = (index + 1) * ROW_PX - box.clientHeight;
    show();
    shown.get(index).querySelector('button')?.focus({ preventScroll: true });
    show();
  });
  show();
  return box;
}

function line({ span, depth, orphan, cyclic }, { begin, percent, critical, compact, choose, isChosen, whole }) {
  const { failed } = span;
  const offset = Math.max(span.start - begin, 0);
  const length = Math.max(span.duration, 0);
  const bar = span.start > 0 && h('span.bar', { class: `${shade(span.service)}${failed ? ' failed' : ''}`,
    style: { left: percent(offset), width: percent(length) } });
  const pieces = (critical.get(span) ?? []).filter(() => span.start > 0).map(([from, to]) => h('span.critical', {
    style: { left: percent(from - begin), width: percent(to - from) } }));
  const name = h('span.what', { style: { '--depth': Math.min(depth, DEEPEST) } },
    h('span.dot', { class: shade(span.service), 'aria-hidden': 'true' }),
    depth > DEEPEST && h('span.tag', {}, `depth ${depth}`),
    failed && h('span.mark.bad', {}, '✖', h('span.unseen', {}, ' failed: ')),
    h('span.service', {}, span.service), ' ',
    h('span.op', {}, breakable(span.name || '(no name)')),
    !compact && h('span.kind', {}, span.kind),
    orphan && h('span.tag', {}, 'parent missing'),
    cyclic && h('span.tag', {}, 'parent cycle'));
  const late = offset > whole * 0.62;
  const track = h('span.track', {}, bar, pieces, h('span.us', { class: late ? 'before' : '',
    style: late ? { right: percent(whole - offset) } : { left: percent(Math.min(offset + length, whole)) } },
  span.start > 0 ? duration(span.duration) : 'no time'));
  if (!choose) return h('li.row', { class: failed ? 'failed' : '' }, name, track);
  const button = h('button.row', { type: 'button', class: failed ? 'failed' : '', 'data-span': span.id, 'aria-pressed': String(isChosen(span)),
    onclick: () => choose(span, button) }, name, track);
  return h('li', {}, button);
}
