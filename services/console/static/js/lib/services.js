import { h } from './dom.js';

const KNOWN = ['orders', 'auth-stub', 'stock-updater'];

export function shade(service) {
  const place = KNOWN.indexOf(service);
  if (place >= 0) return `shade-${place}`;
  let sum = 0;
  for (const letter of String(service)) sum += letter.codePointAt(0);
  return `shade-${3 + (sum % 3)}`;
}

export function chip(service) {
  return h('span.chip', { class: shade(service) }, service);
}

export function mark(failed, text = '') {
  return h('span', { class: failed ? 'mark bad' : 'mark good' }, failed ? '✖' : '✓', text && ` ${text}`);
}
