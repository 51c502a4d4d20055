/** Which spans an order's duration consists of. */

/**
 * Find the critical path: going back from the end, always along what ended last.
 * @param {Array} spans of one trace
 * @returns {Map<string, Array<[number, number]>>} by span id, the pieces of time (µs) that nothing below it accounts for
 */
export function criticalPath(spans) {
  const ids = new Set(spans.map((span) => span.id));
  const below = new Map();
  for (const span of spans) {
    const parent = ids.has(span.parent) ? span.parent : null;
    if (!below.has(parent)) below.set(parent, []);
    below.get(parent).push(span);
  }
  const ends = new Map();
  const endOf = (span, depth = 0) => {
    if (!ends.has(span.id)) {
      const kids = depth > 200 ? [] : below.get(span.id) ?? [];
      ends.set(span.id, Math.max(span.start + span.duration, ...kids.map((kid) => endOf(kid, depth + 1))));
    }
    return ends.get(span.id);
  };
  const path = new Map();
  const add = (span, from, to) => {
    if (to <= from) return;
    if (!path.has(span.id)) path.set(span.id, []);
    path.get(span.id).push([from, to]);
  };
  const walk = (span, until, depth) => {
    let cursor = until;
    const own = span.start + span.duration;
    const kids = depth > 200 ? [] : [...(below.get(span.id) ?? [])].sort((a, b) => endOf(b) - endOf(a));
    for (const kid of kids) {
      if (kid.start >= cursor) continue;
      const end = Math.min(endOf(kid), cursor);
      add(span, Math.max(end, span.start), Math.min(cursor, own));
      walk(kid, end, depth + 1);
      cursor = Math.min(cursor, kid.start);
    }
    add(span, span.start, Math.min(cursor, own));
  };
  const roots = below.get(null) ?? [];
  if (roots.length) {
    const last = roots.reduce((a, b) => (endOf(b) > endOf(a) ? b : a));
    walk(last, endOf(last), 0);
  }
  return path;
}
