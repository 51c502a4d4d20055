/** A colour for each service: the same on every page. Colours tell apart; the name always stands beside them. */

import { h } from './dom.js';

const KNOWN = ['orders', 'auth-stub', 'stock-updater'];

/** The class that gives a service its colour. */
export function shade(service) {
  const place = KNOWN.indexOf(service);
  if (place >= 0) return `shade-${place}`;
  let sum = 0;
  for (const letter of String(service)) sum += letter.codePointAt(0);
  return `shade-${3 + (sum % 3)}`;
}

/** A service's name with its colour. */
export function chip(service) {
  return h('span.chip', { class: shade(service) }, service);
}

/** The mark of a span's or trace's state: shape, text and colour. */
export function mark(failed, text = '') {
  return h('span', { class: failed ? 'mark bad' : 'mark good' }, failed ? '✖' : '✓', text && ` ${text}`);
}
