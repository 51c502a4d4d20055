/** The spans of a trace in the order of a waterfall. */

/**
 * Order spans, each below its parent.
 * @param {Array} spans
 * @returns {Array<{span, depth, orphan}>} `orphan`: its parent is not among them
 */
export function tree(spans) {
  const ids = new Set(spans.map((span) => span.id));
  const below = new Map();
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const parent = ids.has(span.parent) && span.parent !== span.id ? span.parent : null;
    if (!below.has(parent)) below.set(parent, []);
    below.get(parent).push(span);
  }
  const rows = [];
  const seen = new Set();
  const walk = (span, depth) => {
    if (seen.has(span.id)) return;
    seen.add(span.id);
    rows.push({ span, depth, orphan: Boolean(span.parent) && !ids.has(span.parent) });
    for (const child of below.get(span.id) ?? []) walk(child, depth + 1);
  };
  for (const root of below.get(null) ?? []) walk(root, 0);
  return rows;
}

/** The failed spans below which nothing failed: where errors came from. */
export function culprits(spans) {
  const failed = spans.filter((span) => span.status === 'ERROR');
  const above = new Set(failed.map((span) => span.parent));
  return failed.filter((span) => !above.has(span.id));
}
