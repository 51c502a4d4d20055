const ANSWERS = { CLIENT: 'SERVER', PRODUCER: 'CONSUMER' };

/**
 * Place the spans of a waterfall below their parents, in linear time and without recursion, by the rules of vshop/shop/trace_tree.py:
 * a repeated span is shown once, a server with its caller's id is below the caller, a cycle is cut above its earliest span.
 * @returns {{rows: Array<{span, depth, orphan, cyclic}>, roots: Array, below: Map<object, Array>, notes: Array<string>}}
 *   `orphan`: its parent is missing
 */
export function place(spans) {
  const { groups, kept, repeated } = group([...spans].sort((a, b) => a.start - b.start));
  const parents = new Map();
  for (const span of kept) parents.set(span, parentOf(span, groups));
  const cyclic = cutCycles(kept, parents);
  const below = new Map();
  const roots = [];
  for (const span of kept) {
    const parent = parents.get(span);
    if (!parent) roots.push(span);
    else if (below.has(parent)) below.get(parent).push(span);
    else below.set(parent, [span]);
  }
  const rows = [];
  const row = (span, depth) => ({ span, depth, orphan: !depth && Boolean(span.parent) && !cyclic.has(span), cyclic: cyclic.has(span) });
  const stack = roots.map((span) => row(span, 0)).reverse();
  while (stack.length) {
    const above = stack.pop();
    rows.push(above);
    const children = below.get(above.span) ?? [];
    for (let index = children.length - 1; index >= 0; index -= 1) stack.push(row(children[index], above.depth + 1));
  }
  return { rows, roots, below, notes: notes(repeated, cyclic.size) };
}

export function tree(spans) {
  return place(spans).rows;
}

function notes(repeated, inCycle) {
  const count = (number) => (number === 1 ? '1 span' : `${number} spans`);
  return [
    repeated && `${count(repeated)} hidden: sent more than once.`,
    inCycle && `${count(inCycle)} in a parent cycle: the earliest of a cycle is shown as a root.`,
  ].filter(Boolean);
}

/** Group the spans that are kept by trace id, and by span id. A span without id is in no group. */
function group(spans) {
  const groups = new Map();
  for (const span of spans) {
    if (!span.id) continue;
    if (!groups.has(span.traceId)) groups.set(span.traceId, new Map());
    const ids = groups.get(span.traceId);
    if (ids.has(span.id)) ids.get(span.id).push(span);
    else ids.set(span.id, [span]);
  }
  const repeats = new Set();
  for (const ids of groups.values()) for (const [id, several] of ids) if (several.length > 1) ids.set(id, withoutRepeats(several, repeats));
  return { groups, kept: repeats.size ? spans.filter((span) => !repeats.has(span)) : spans, repeated: repeats.size };
}

/** Return the one of equal spans that ended last, and add the others to `repeats`. */
function withoutRepeats(spans, repeats) {
  const same = new Map();
  for (const span of spans) {
    const key = JSON.stringify([span.service, span.kind, span.name]);
    const known = same.get(key);
    const later = !known || span.start + span.duration > known.start + known.duration;
    if (known) repeats.add(later ? known : span);
    if (later) same.set(key, span);
  }
  return [...same.values()];
}

function parentOf(span, groups) {
  const ids = groups.get(span.traceId);
  const own = span.id ? ids.get(span.id) : [];
  const caller = own.length > 1 && own.slice(0, 50).find((other) => ANSWERS[other.kind] === span.kind);
  if (caller) return caller;
  const candidates = (span.parent && ids?.get(span.parent)) || [];
  if (candidates.length < 2) return candidates[0] ?? null;
  // Of a caller and a server with one id, children in other processes were started by the server.
  const rank = (one) => (one === span ? 4 : 0) + (one.service === span.service ? 0 : 2) + (ANSWERS[one.kind] ? 1 : 0);
  return candidates.slice(0, 50).reduce((best, one) => (rank(one) < rank(best) ? one : best));
}

function cutCycles(spans, parents) {
  const cyclic = new Set();
  const checked = new Set();
  for (const first of spans) {
    const parent = parents.get(first);
    if (!parent || checked.has(parent)) { // most spans start after their parents
      checked.add(first);
      continue;
    }
    const path = new Set();
    let span = first;
    while (span && !checked.has(span) && !path.has(span)) {
      path.add(span);
      span = parents.get(span);
    }
    if (span && path.has(span)) {
      const all = [...path];
      const cycle = all.slice(all.indexOf(span));
      parents.set(cycle.reduce((a, b) => (b.start < a.start ? b : a)), null);
      for (const one of cycle) cyclic.add(one);
    }
    for (const one of path) checked.add(one);
  }
  return cyclic;
}

/** Return the failed spans without failed children: the sources of errors. */
export function culprits(spans) {
  const failed = spans.filter((span) => span.status === 'ERROR');
  const above = new Set(failed.filter((span) => span.parent !== span.id).map((span) => span.parent));
  const found = failed.filter((span) => !above.has(span.id));
  return found.length ? found : failed.slice(0, 1);
}
