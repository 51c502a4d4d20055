/** An order's way as hops, read off the spans that have arrived. */

const STATES = { wait: '…', good: '✓', bad: '✖', never: '–' };

/** The sign of a hop's state. */
export const sign = (state) => STATES[state];

/**
 * Tell where an order is.
 * @param {object} outcome what placing it answered
 * @param {Array} spans of its trace and of those that belong to it
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
    hop('The shopper sends the order', entry && `answered ${outcome.status}`, entry, refused),
    hop('orders asks auth-stub who it is', said(auth), auth),
    hop(`orders puts it on ${topic}`, said(sent) || (sent && 'acknowledged by Kafka'), sent),
    hop('stock-updater takes it', said(taken) || outcomeOf(taken), taken),
    hop(`the stock is written to ${table}`, said(written) || (written && written.name), written),
  ];
  if (refused && outcome.hop === 'auth-stub') rows[0] = { ...rows[0], state: 'bad', detail: `login answered ${outcome.status}` };
  const last = rows.findLastIndex((row) => row.state !== 'wait');
  // What lies before something that was seen has happened, even if its span is missing; behind a refusal nothing comes.
  return rows.map((row, place) => (row.state === 'wait' && (place < last || refused) ? { ...row, state: 'never' } : row));
}

function hop(name, detail, span, bad = false) {
  if (!span) return { name, detail: '', state: 'wait', us: null };
  return { name, detail: detail || '', state: bad || span.status === 'ERROR' ? 'bad' : 'good', us: span.duration, span };
}

function said(span) {
  if (!span || span.status !== 'ERROR') return '';
  const exception = span.events.find((event) => event.name === 'exception');
  return exception?.attributes['exception.message'] || span.message || span.attributes['error.type'] || 'failed';
}

function outcomeOf(span) {
  return span?.attributes['shop.order.outcome'] ?? '';
}

/** Whether nothing more is to come. */
export function finished(outcome, rows) {
  const handled = rows[3];
  return !outcome.accepted || handled.state === 'bad' || (handled.state === 'good' && rows[4].state !== 'wait')
    || (handled.state === 'good' && handled.detail !== 'applied' && handled.detail !== '');
}
