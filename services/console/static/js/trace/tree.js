const ANSWERS = { CLIENT: 'SERVER', PRODUCER: 'CONSUMER' };

/**
 * Place the spans of a waterfall below their parents, in linear time and without recursion, by the rules of vshop/shop/trace_tree.py:
 * a repeated span is shown once, a server with its caller's id is below the caller, a cycle is cut above its earliest span.
 * @returns {{rows: Array<{span, depth, orphan, cyclic}>, roots: Array, below: Map<object, Array>, notes: Array<string>}}
 *   `orphan`: its parent is missing
 */
export function place(spans) {
  const { groups, kept, repeated } = group([...spans].sort((a, b) => a.start - b.start));
  const parents = new Map(kept.map((span) => [span, parentOf(span, groups)]));
  const orphans = new Set(kept.filter((span) => span.parent && !parents.get(span)));
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
  const stack = roots.map((span) => ({ span, depth: 0 })).reverse();
  while (stack.length) {
    const { span, depth } = stack.pop();
    rows.push({ span, depth, orphan: orphans.has(span), cyclic: cyclic.has(span) });
    const children = below.get(span) ?? [];
    for (let index = children.length - 1; index >= 0; index -= 1) stack.push({ span: children[index], depth: depth + 1 });
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

function group(spans) {
  const same = new Map();
  spans.forEach((span, index) => {
    const key = JSON.stringify([span.traceId, span.id || `#${index}`, span.service, span.kind, span.name]);
    const known = same.get(key);
    if (!known || span.start + span.duration > known.start + known.duration) same.set(key, span);
  });
  const kept = [...same.values()].sort((a, b) => a.start - b.start);
  const groups = new Map();
  for (const span of kept) {
    if (!span.id) continue;
    const key = `${span.traceId} ${span.id}`;
    if (groups.has(key)) groups.get(key).push(span);
    else groups.set(key, [span]);
  }
  return { groups, kept, repeated: spans.length - kept.length };
}

function parentOf(span, groups) {
  const caller = span.id && groups.get(`${span.traceId} ${span.id}`).slice(0, 50).find((other) => ANSWERS[other.kind] === span.kind);
  if (caller) return caller;
  const candidates = (span.parent && groups.get(`${span.traceId} ${span.parent}`)) || [];
  if (candidates.length < 2) return candidates[0] ?? null;
  // Of a caller and a server with one id, children in other processes were started by the server.
  const rank = (one) => (one === span ? 4 : 0) + (one.service === span.service ? 0 : 2) + (ANSWERS[one.kind] ? 1 : 0);
  return candidates.slice(0, 50).reduce((best, one) => (rank(one) < rank(best) ? one : best));
}

function cutCycles(spans, parents) {
  const cyclic = new Set();
  const checked = new Set();
  for (const first of spans) {
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
