/**
 * Find the critical path: from the end back, always along the span that ended last.
 * @param {{rows: Array, roots: Array, below: Map}} placed spans of a waterfall, from `place`
 * @returns {Map<object, Array<[number, number]>>} by span, its intervals (µs) on the path without those of its children
 */
export function criticalPath({ rows, roots, below }) {
  const ends = new Map();
  for (let index = rows.length - 1; index >= 0; index -= 1) { // children are behind their parents
    const { span } = rows[index];
    const children = below.get(span) ?? [];
    ends.set(span, children.reduce((end, child) => Math.max(end, ends.get(child)), span.start + span.duration));
  }
  const path = new Map();
  const add = (span, from, to) => {
    if (to <= from) return;
    if (!path.has(span)) path.set(span, []);
    path.get(span).push([from, to]);
  };
  const last = roots.length ? roots.reduce((a, b) => (ends.get(b) > ends.get(a) ? b : a)) : null;
  const stack = last ? [[last, ends.get(last)]] : [];
  while (stack.length) {
    const [span, until] = stack.pop();
    let cursor = until;
    const own = span.start + span.duration;
    for (const child of [...(below.get(span) ?? [])].sort((a, b) => ends.get(b) - ends.get(a))) {
      if (child.start >= cursor) continue;
      const end = Math.min(ends.get(child), cursor);
      add(span, Math.max(end, span.start), Math.min(cursor, own));
      stack.push([child, end]);
      cursor = Math.min(cursor, child.start);
    }
    add(span, span.start, Math.min(cursor, own));
  }
  return path;
}
