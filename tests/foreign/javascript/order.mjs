// Places an order inside a span of the OpenTelemetry SDK for Node.js, with its default exporter, and prints the trace id.
import { context, propagation, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';

const sdk = new NodeSDK();
sdk.start();

async function post(url, body, headers = {}) {
  propagation.inject(context.active(), headers);
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body });
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

const { AUTH_URL, ORDERS_URL, LOGIN, ORDER } = process.env;
const { access_token: token } = await post(`${AUTH_URL}/oauth/token`, LOGIN);
await trace.getTracer('foreign').startActiveSpan('place order', { kind: 2 }, async (span) => {
  await post(`${ORDERS_URL}/orders`, ORDER, { Authorization: `Bearer ${token}` });
  span.end();
  console.log(span.spanContext().traceId);
});
await sdk.shutdown();
