import * as dagre from '../../vendor/dagre/dagre.esm.js';
import { every, get, query as asQuery } from '../lib/api.js';
import { field, fill, h, select, stacked, staleness, svg } from '../lib/dom.js';
import { clock, duration, plural } from '../lib/format.js';
import { onOutages } from '../lib/outages.js';

const KINDS = { user: 'user', service: 'service', topic: 'Kafka topic', table: 'DynamoDB table', unknown: 'unknown' };
const ICONS = { user: '☺', service: '▣', topic: '≋', table: '▤', unknown: '?' };
const PART_OF_KIND = { topic: 'kafka', table: 'dynamodb' };
const HEIGHT = 64;
const NEWEST = 150;

export async function map(root, { query, signal }) {
  const window = select('window', [['1', 'last minute'], ['5', 'last 5 minutes'], ['60', 'last hour'], ['', 'any time']], query.get('window') ?? '');
  const given = Object.fromEntries([...query].filter(([name]) => name !== 'window'));
  const drawing = h('div.card.map', { tabindex: '0', role: 'region', 'aria-label': 'Drawing of the service map' });
  const listed = h('div');
  const extent = h('p.note', { role: 'status' });
  const body = h('div', {}, extent, drawing, listed);
  const key = h('p.note', { hidden: true }, h('span.edgekey.good', { 'aria-hidden': 'true' }), ' no errors', h('span.edgekey.bad', { 'aria-hidden': 'true' }), ' dashed: errors. Each attempt counts as a request. The table links to a trace of each edge.');
  root.append(h('div.listhead', {}, field('Period', window), key), body);
  let down = [];
  const markDown = () => {
    for (const node of drawing.querySelectorAll('.node')) node.classList.toggle('down', down.includes(node.dataset.part));
  };
  onOutages(signal, (outages) => {
    down = outages.map(({ part }) => part);
    markDown();
  });
  let latest = null;
  const load = async () => {
    const start = window.value ? Math.round((Date.now() - Number(window.value) * 60_000) * 1000) : '';
    latest = await get(`/api/map${asQuery({ limit: NEWEST, ...given, start })}`, signal);
    show(latest);
  };
  const show = (seen) => {
    const drawn = JSON.stringify({ ...seen, windowS: 0, narrow: NARROW.matches, edges: seen.edges.map((edge) => [edge.to, edge.count, edge.errors, rate(edge)]) });
    if (drawing.dataset.drawn === drawn) return;
    drawing.dataset.drawn = drawn;
    key.hidden = !seen.edges.length;
    if (!seen.edges.length) {
      fill(drawing, h('p', {}, 'No orders in this period. ', h('a', { href: '/' }, 'Place one in the shop'), '.'));
      fill(listed);
      fill(extent);
      return;
    }
    fill(drawing, picture(seen));
    markDown();
    fill(extent, extentOf(seen, Object.keys(given).length ? 'matching' : 'order'));
    fill(listed, table(seen));
  };
  NARROW.addEventListener('change', () => latest && show(latest), { signal });
  const settled = staleness(body);
  window.addEventListener('change', () => load().catch((error) => settled(error, null)));
  every(4000, signal, load, settled);
}

const NARROW = matchMedia('(max-width: 700px)');
const share = (edge) => `${Math.round(edge.errorShare * 100)} %`;
const rate = (edge) => `${edge.perMinute >= 10 ? Math.round(edge.perMinute) : edge.perMinute.toFixed(edge.perMinute < 1 ? 2 : 1)}/min`;

function picture({ nodes, edges }) {
  const narrow = NARROW.matches;
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: narrow ? 'TB' : 'LR', nodesep: narrow ? 24 : 46, ranksep: narrow ? 44 : 50, marginx: 12, marginy: 12 });
  for (const node of nodes) graph.setNode(node.id, { ...node, width: Math.max(126, ...parts(node.id).map((part) => part.length * 7.6 + 26)), height: HEIGHT });
  for (const edge of edges) graph.setEdge(edge.from, edge.to, { ...edge, width: 110, height: 52, labelpos: narrow ? 'r' : 'c' }, `${edge.from} ${edge.to}`);
  dagre.layout(graph);
  const { width, height } = graph.graph();
  const lines = graph.edges().map((name) => line(graph.edge(name), narrow));
  const boxes = graph.nodes().map((id) => box(graph.node(id)));
  const text = `Service map with ${nodes.length} nodes and ${edges.length} edges. The table below lists the edges.`;
  return svg('svg', { viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`, width: Math.ceil(width), height: Math.ceil(height), role: 'img', 'aria-label': text },
    svg('defs', {}, ['good', 'bad'].map((kind) => svg('marker', { id: `arrow-${kind}`, class: `arrow ${kind}`, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' }, svg('path', { d: 'M0 0 8 4 0 8z' })))),
    lines, boxes);
}

function line(edge, narrow) {
  const kind = edge.errors ? 'bad' : 'good';
  // Horizontal behind its label, which the line would cross otherwise.
  const level = (point) => (!narrow && point.x === edge.x ? [-36, 36].map((aside) => ({ x: point.x + aside, y: edge.y })) : [point]);
  const path = edge.points.flatMap(level).map((point, place) => `${place ? 'L' : 'M'}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join(' ');
  return svg('g.edge', { class: kind },
    svg('path.line', { d: path, 'marker-end': `url(#arrow-${kind})`, 'stroke-width': Math.min(6, 1.5 + Math.log10(edge.count + 1)) }),
    [rate(edge), `p95 ${duration(edge.p95Us)}`, `${edge.errors ? '✖ ' : ''}${share(edge)} errors`].map((text, place) => svg('text', { x: edge.x, y: edge.y + [-20, -7, 17][place], class: place === 2 && edge.errors ? 'failed' : '' }, text)));
}

function parts(id) {
  if (id.length < 20) return [id];
  const middle = [...id.matchAll(/[. ]/g)].map((found) => found.index).sort((a, b) => Math.abs(a - id.length / 2) - Math.abs(b - id.length / 2))[0];
  return middle ? [id.slice(0, middle), id.slice(middle)] : [id];
}

function box(node) {
  const lines = parts(node.id);
  const left = node.x - node.width / 2;
  const top = node.y - HEIGHT / 2;
  return svg('g.node', { class: node.kind, 'data-part': PART_OF_KIND[node.kind] ?? node.id },
    svg('rect', { x: left, y: top, width: node.width, height: HEIGHT, rx: node.kind === 'topic' ? 32 : node.kind === 'table' ? 2 : 10 }),
    svg('title', {}, `${node.id}, ${KINDS[node.kind]}`),
    lines.map((part, place) => svg('text.name', { x: node.x, y: node.y - (lines.length > 1 ? 13 : 3) + place * 15 }, part)),
    svg('text.kind', { x: node.x, y: node.y + (lines.length > 1 ? 21 : 17) }, `${ICONS[node.kind]} ${KINDS[node.kind]}`),
    svg('text.kind.outage', { x: node.x, y: node.y + (lines.length > 1 ? 21 : 17) }, '✖ down'));
}

/** Say which traces the figures are from. The time stays true until the next drawing; an age would not. */
function extentOf({ traces, windowS }, which) {
  const start = Date.now() - windowS * 1000;
  const since = windowS < 43_200 ? clock(start * 1000) : new Date(start).toLocaleString([], { hour12: false });
  return traces < NEWEST ? `From ${plural(traces, `${which} traces`)} since ${since}.${windowS < 60 ? ' Rates count at least one minute.' : ''}`
    : `From the newest ${traces} ${which} traces, since ${since}. Older traces are not counted.`;
}

function table({ edges }) {
  const heads = ['From', 'To', 'Requests', 'Rate', 'Errors', 'Median', '95th percentile', 'Trace'];
  return h('section.card', {}, h('h2', {}, 'Edges'), h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Edges of the map' }, stacked(h('table', {},
    h('thead', {}, h('tr', {}, heads.map((name) => h('th', { scope: 'col', class: ['Requests', 'Rate', 'Errors', 'Median', '95th percentile'].includes(name) ? 'number' : '' }, name)))),
    h('tbody', {}, edges.map((edge) => h('tr', { class: edge.errors ? 'failed' : '' },
      h('td', {}, edge.from), h('td', {}, edge.to), h('td.number', {}, String(edge.count)), h('td.number', {}, rate(edge)),
      h('td.number', {}, edge.errors ? `✖ ${edge.errors} (${share(edge)})` : '0'), h('td.number', {}, duration(edge.p50Us)), h('td.number', {}, duration(edge.p95Us)),
      h('td', {}, h('a', { href: `/traces/${edge.traceId}`, 'aria-label': `A trace from ${edge.from} to ${edge.to}` }, edge.errors ? 'failed trace' : 'trace')))))))));
}
