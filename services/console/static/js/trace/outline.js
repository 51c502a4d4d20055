/** Large traces: the console sends their spans as columns, and attributes and events of a span when they are needed. */

import { get } from '../lib/api.js';

const FIELDS = ['id', 'service', 'kind', 'name', 'status', 'start', 'duration'];
const MOST_IDS = 100; // in one request

/**
 * Return the spans of a trace. Those of a large one have no `attributes`, `events`, `links` and `resource`; without
 * attributes, `failed` is known only of spans with status ERROR.
 * @param {{traceId: string, spans: Array, columns?: object}} trace
 */
export function spansOf({ traceId, spans, columns }) {
  if (!columns) return spans;
  const text = ({ values, rows }) => rows.map((row) => values[row]);
  const { id, parent, start, duration } = columns;
  const [service, name, kind, status] = [columns.service, columns.name, columns.kind, columns.status].map(text);
  return id.map((one, row) => ({ traceId, id: one, parent: parent[row], service: service[row], name: name[row], kind: kind[row],
    status: status[row], failed: status[row] === 'ERROR', start: start[row], duration: duration[row] }));
}

/** Read what spans of large traces lack, into the same objects. */
export async function complete(spans, signal) {
  const slim = spans.filter((span) => !span.attributes);
  for (const traceId of new Set(slim.map((span) => span.traceId))) {
    const wanted = slim.filter((span) => span.traceId === traceId);
    const ids = [...new Set(wanted.map((span) => span.id))];
    for (let first = 0; first < ids.length; first += MOST_IDS) {
      const { spans: found } = await get(`/api/traces/${traceId}/spans?ids=${ids.slice(first, first + MOST_IDS)}`, signal);
      for (const span of wanted) Object.assign(span, found.find((one) => FIELDS.every((field) => one[field] === span[field])));
    }
  }
  if (slim.some((span) => !span.attributes)) throw new Error('The span is no longer stored.');
}
