const STATES = { wait: '…', good: '✓', bad: '✖', never: '–' };

export const sign = (state) => STATES[state];

/**
 * List the hops of an order with their states.
 * @param {object} outcome the result of placing it
 * @param {Array} spans of its trace and of related ones
 * @param {{topic: string, table: string}} names
 * @returns {Array<{name, detail, state, us}>}
 */
export function hops(outcome, spans, { topic, table }) {
  const entry = spans.find((span) => span.service === 'orders' && span.kind === 'SERVER');
  const auth = spans.filter((span) => span.service === 'orders' && span.kind === 'CLIENT').pop();
  const sent = spans.find((span) => span.kind === 'PRODUCER' && span.attributes['messaging.destination.name'] === topic);
  const taken = spans.filter((span) => span.kind === 'CONSUMER' && span.attributes['messaging.destination.name'] === topic).pop();
  const written = spans.filter((span) => span.service === 'stock-updater' && /PutItem|UpdateItem/.test(span.name)).pop();
  const refused = !outcome.accepted;
  const rows = [
    hop('Shopper sends the order', entry && `status ${outcome.status}`, entry, refused),
    hop('orders validates the token with auth-stub', failureOf(auth), auth),
    hop(`orders publishes to ${topic}`, failureOf(sent) || (sent && 'acknowledged by Kafka'), sent),
    hop('stock-updater consumes it', failureOf(taken) || outcomeOf(taken), taken),
    hop(`stock-updater writes to ${table}`, failureOf(written) || (written && written.name), written),
  ];
  if (refused && outcome.hop === 'auth-stub') rows[0] = { ...rows[0], state: 'bad', detail: `login returned ${outcome.status}` };
  const last = rows.findLastIndex((row) => row.state !== 'wait');
  // A hop before one that was seen has happened, even if its span is missing. After a rejection, no hop follows.
  return rows.map((row, place) => (row.state === 'wait' && (place < last || refused) ? { ...row, state: 'never' } : row));
}

function hop(name, detail, span, bad = false) {
  if (!span) return { name, detail: '', state: 'wait', us: null };
  return { name, detail: detail || '', state: bad || span.status === 'ERROR' ? 'bad' : 'good', us: span.duration, span };
}

function failureOf(span) {
  if (!span || span.status !== 'ERROR') return '';
  const exception = span.events.find((event) => event.name === 'exception');
  return exception?.attributes['exception.message'] || span.message || span.attributes['error.type'] || 'failed';
}

function outcomeOf(span) {
  return span?.attributes['shop.order.outcome'] ?? '';
}

export function finished(outcome, rows) {
  const handled = rows[3];
  return !outcome.accepted || handled.state === 'bad' || (handled.state === 'good' && rows[4].state !== 'wait')
    || (handled.state === 'good' && handled.detail !== 'applied' && handled.detail !== '');
}
