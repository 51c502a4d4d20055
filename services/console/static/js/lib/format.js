/** Formats values for people. */

/** Format a duration in microseconds. */
export function duration(us) {
  if (us === null || us === undefined || Number.isNaN(us)) return '–';
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 2 : 1)} ms`;
  return `${(us / 1e6).toFixed(2)} s`;
}

/** Format microseconds since the epoch as the time of day. */
export function clock(us) {
  return new Date(us / 1000).toLocaleTimeString([], { hour12: false });
}

/** Format an RFC 3339 time relative to now. */
export function ago(text) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(text)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
}

export function money(cents) {
  return `€ ${(cents / 100).toFixed(2)}`;
}

export function number(value) {
  return Number(value).toLocaleString('en', { maximumFractionDigits: 1 });
}

/** Format a count with its unit, given in the plural. */
export function plural(value, unit) {
  const text = Number(value).toLocaleString('en', { maximumFractionDigits: 2 });
  return `${text} ${text === '1' ? unit.replace(/s$/, '') : unit}`;
}

/** Return the first 8 characters of an id. */
export function short(id) {
  return String(id ?? '').slice(0, 8);
}

/** Return an exception's class without its module. */
export function plainType(type) {
  return String(type).split('.').pop();
}
