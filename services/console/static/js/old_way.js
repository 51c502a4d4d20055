/** The old way: a host's metrics and everybody's log lines, with nothing between them; then the three questions. */

import { every, get, query as asQuery } from './api.js';
import { chart } from './charts.js';
import { fill, h } from './dom.js';

/** Draw the page. */
export async function oldWay(root, { signal }) {
  const charts = [['CPU', 'cpuPercent', ' %'], ['Memory', 'memoryMb', ' MB'], ['Network receive', 'receivedKbS', ' KB/s'], ['Network sent', 'sentKbS', ' KB/s']]
    .map(([title, name, unit]) => ({ name, title, ...chart(title, { unit, height: 120 }) }));
  const partitions = h('dd', {}, '–');
  const node = h('dd', {}, '–');
  const search = h('input', { type: 'search', 'aria-label': 'Search for log entries', placeholder: 'Search for log entries… (e.g. host.name:host-1)' });
  const lines = h('ol.logs.raw', { tabindex: '0', 'aria-label': 'Log lines of all services' });
  const questions = h('div.questions');
  root.append(
    h('p.story', {}, h('strong', {}, 'Users complain about orders that were sent but not handled. '),
      'This is what monitoring had to offer: the host looks well, Kafka has its partitions, and the log scrolls by. Which of these lines belongs to the order that was lost?'),
    h('div.charts.four', {}, charts.map((one) => one.element)),
    h('dl.tiles', {}, h('div.tile', {}, h('dt', {}, 'Kafka total partitions'), partitions), h('div.tile', {}, h('dt', {}, 'Node'), node)),
    h('section.card', { 'aria-labelledby': 'log-title' }, h('h2', { id: 'log-title' }, 'We need more debug data → logs'), search, lines),
    h('section', { 'aria-labelledby': 'three' }, h('h2', { id: 'three' }, 'Three questions'), questions));
  const load = async () => {
    const seen = await get(`/api/old-way${asQuery({ search: search.value })}`, signal);
    const { host } = seen;
    for (const one of charts) one.show(host.time, [{ label: one.title, values: host[one.name] }]);
    partitions.textContent = seen.kafka.partitions;
    node.textContent = `${host.cpus} CPUs, ${host.memoryTotalMb} MB`;
    fill(lines, seen.lines.map((line) => h('li', {}, `${line.time.replace('T', ' ').slice(0, 23)}  ${line.severity}  ${line.service}  ${line.body}`)));
  };
  search.addEventListener('input', () => load().catch(() => {}));
  every(3000, signal, load);
  every(3000, signal, async () => fill(questions, await answers(signal)));
}

async function answers(signal) {
  const [{ alerts }, { records }, { traces }] = await Promise.all([get('/api/alerts', signal), get('/api/logs?severity=ERROR&limit=1', signal), get('/api/traces?error=true&limit=1', signal)]);
  const firing = alerts.filter((alert) => alert.state === 'firing');
  const trace = firing.flatMap((alert) => alert.traceIds)[0] ?? traces[0]?.traceId;
  const text = firing.length ? firing.map((alert) => alert.title).filter((one, place, all) => all.indexOf(one) === place).join('; ') : 'Nothing fires at the moment.';
  return [
    card('Metrics tell us the', 'what', text, '/insights', 'See the figures'),
    card('Logs tell us the', 'why', records[0]?.body ?? 'No error has been logged.', records[0]?.traceId ? `/traces/${records[0].traceId}` : '/traces', 'See it among its trace’s logs'),
    card('Traces tell us the', 'where', trace ? 'One trace holds every hop of an order that went wrong.' : 'No order has gone wrong yet: switch an incident on.', trace ? `/traces/${trace}` : '/board', trace ? 'Open the trace' : 'To the incidents'),
  ];
}

function card(lead, word, text, href, link) {
  return h('article.card.question', {}, h('h3', {}, lead, ' ', h('em', {}, word)), h('p', {}, text), h('p', {}, h('a.button', { href }, link)));
}
