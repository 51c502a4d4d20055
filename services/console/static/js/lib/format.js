export function duration(us) {
  if (us === null || us === undefined || Number.isNaN(us)) return '–';
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 2 : 1)} ms`;
  return `${(us / 1e6).toFixed(2)} s`;
}

export function clock(us) {
  return new Date(us / 1000).toLocaleTimeString([], { hour12: false });
}

/** Return the time of day now. */
export const now = () => clock(Date.now() * 1000);

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

export function plural(value, unit) {
  const text = Number(value).toLocaleString('en', { maximumFractionDigits: 2 });
  return `${text} ${text === '1' ? unit.replace(/s$/, '') : unit}`;
}

export function short(id) {
  return String(id ?? '').slice(0, 8);
}

export function plainType(type) {
  return String(type).split('.').pop();
}
