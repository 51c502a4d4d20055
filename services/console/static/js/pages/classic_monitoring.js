/** Classic monitoring: host metrics and uncorrelated log lines, and then what metrics, logs and traces answer. */

import { every, get, query as asQuery } from '../lib/api.js';
import { chart } from '../lib/charts.js';
import { fill, h, staleness } from '../lib/dom.js';
import { clock, number, plural } from '../lib/format.js';
import { bodyText } from '../trace/log_lines.js';

export async function classicMonitoring(root, { signal }) {
  const charts = [['CPU', 'cpuPercent', '%'], ['Memory', 'memoryGb', 'GB'], ['Network received', 'receivedKbS', 'KB/s'], ['Network sent', 'sentKbS', 'KB/s']]
    .map(([title, name, unit]) => ({ name, title, ...chart(title, { unit, height: 120 }) }));
  const partitions = h('dd', {}, '–');
  const search = h('input', { type: 'search', 'aria-label': 'Search for log entries', placeholder: 'Search for log entries …' });
  const lines = h('ol.logs.raw', { tabindex: '0', 'aria-label': 'Log lines of all services' });
  const questions = h('div.questions', { 'data-content': 'the answers' });
  const node = h('p.note');
  const hosts = h('div', { 'data-content': 'the host’s metrics' }, h('div.charts.four', {}, charts.map((one) => one.element)),
    node);
  const figures = h('div', { 'data-content': 'Kafka’s partitions and the logs' }, h('dl.tiles.one', {}, h('div.tile', {}, h('dt', {}, 'Kafka total partitions'), partitions)),
    h('section.card', { 'aria-labelledby': 'log-title' }, h('h2', { id: 'log-title' }, 'Logs of all services'), search, lines));
  root.append(
    h('p.story', {}, h('strong', {}, 'Users complain about their orders. '),
      'Classic monitoring shows the host, Kafka’s partitions and the log lines of all services. Which of the lines belong to a failed order?'),
    hosts, figures,
    h('section', { 'aria-labelledby': 'three' }, h('h2', { id: 'three' }, 'Three questions'), questions));
  const load = async () => {
    const seen = await get(`/api/old-way${asQuery({ search: search.value })}`, signal);
    fill(partitions, seen.kafka.partitions ?? ['unknown', h('span.note', {}, ' stock-updater does not report them')]);
    fill(lines, seen.lines.map((line) => h('li', {}, `${localTime(line.time)}  ${line.severity}  ${line.service}  ${line.body}`)));
  };
  const settled = staleness(figures);
  search.addEventListener('input', () => load().catch((error) => settled(error, null)));
  every(3000, signal, async () => {
    const host = await get('/api/host', signal);
    for (const one of charts) one.show(host.time, [{ label: one.title, values: host[one.name] }]);
    node.textContent = `The host has ${plural(host.cpus, 'CPUs')} and ${number(host.memoryTotalGb)} GB of memory.`;
  }, staleness(hosts));
  every(3000, signal, load, settled);
  every(3000, signal, async () => fill(questions, await answers(signal)), staleness(questions));
}

/** Return an RFC 3339 time as local time, as in the charts and cards. */
function localTime(text) {
  if (!text) return 'no time';
  const time = new Date(text);
  return new Date(time - time.getTimezoneOffset() * 60_000).toISOString().replace('T', ' ').slice(0, 23);
}

const RECENT_MIN = 5;
const isOrder = (trace) => trace.orderId || trace.name === 'POST /orders';

async function answers(signal) {
  const since = (Date.now() - RECENT_MIN * 60_000) * 1000;
  const [{ alerts }, { traces }] = await Promise.all([get('/api/alerts', signal), get(`/api/traces?error=true&limit=20&start=${since}`, signal)]);
  const firing = alerts.filter((alert) => alert.state === 'firing');
  // Exceptions are also those of other requests: stock-updater reads the table's position every second.
  const trace = traces.find(isOrder)?.traceId ?? firing.filter((alert) => alert.rule !== 'errors-by-exception-type').flatMap((alert) => alert.traceIds)[0];
  const { records } = trace ? await get(`/api/logs?severity=WARN&limit=1&traceId=${trace}`, signal) : { records: [] };
  const text = firing.length ? firing.map((alert) => alert.title).filter((one, place, all) => all.indexOf(one) === place).join('; ') : 'No alert is firing.';
  return [
    card('Metrics tell us the', 'what', text, '/insights', 'Open insights'),
    card('Logs tell us the', 'why', reason(records[0], trace), trace ? `/traces/${trace}` : '/traces', trace ? 'Open its trace' : 'Open the traces'),
    card('Traces tell us the', 'where', trace ? 'A trace shows every hop of the order.' : `No order has failed in the last ${RECENT_MIN} minutes. Switch an incident on.`, trace ? `/traces/${trace}` : '/board', trace ? 'Open the trace' : 'Open incidents'),
  ];
}

/** Return a log record's time, text and exception. */
function reason(record, trace) {
  if (!record) return trace ? 'The order’s logs have no warning or error.' : `No order has failed in the last ${RECENT_MIN} minutes.`;
  const { exception, timestamp } = record;
  return `${timestamp ? clock(timestamp) : ''} ${bodyText(record)}${exception?.type ? ` (${exception.type}: ${exception.message ?? ''})` : ''}`;
}

function card(lead, word, text, href, link) {
  return h('article.card.question', {}, h('h3', {}, lead, ' ', h('em', {}, word)), h('p', {}, text), h('p', {}, h('a.button', { href }, link)));
}
