/** Values as people read them. */

/** A duration given in microseconds. */
export function duration(us) {
  if (us === null || us === undefined || Number.isNaN(us)) return '–';
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 2 : 1)} ms`;
  return `${(us / 1e6).toFixed(2)} s`;
}

/** The time of day of microseconds since the epoch. */
export function clock(us) {
  return new Date(us / 1000).toLocaleTimeString([], { hour12: false });
}

/** How long ago an RFC 3339 time was. */
export function ago(text) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(text)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
}

/** Cents as money. */
export function money(cents) {
  return `€ ${(cents / 100).toFixed(2)}`;
}

/** A number with separators. */
export function number(value) {
  return Number(value).toLocaleString('en', { maximumFractionDigits: 1 });
}

/** The beginning of an id. */
export function short(id) {
  return String(id ?? '').slice(0, 8);
}

/** An exception's class without its module. */
export function plainType(type) {
  return String(type).split('.').pop();
}
