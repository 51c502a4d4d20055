import { h } from './dom.js';
import { plainType, plural } from './format.js';
import { colour } from './theme.js';

const COLOURS = ['shade-0', 'shade-1', 'shade-2', 'shade-3', 'shade-4', 'shade-5'];
const COUNTED = new Set(['errors', 'orders', 'records']);
const WHOLE = [1, 2, 5].flatMap((digit) => [0, 1, 2, 3, 4, 5, 6, 7, 8].map((zeros) => digit * 10 ** zeros)).sort((a, b) => a - b);
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3], [4, 4], [1, 2]];
let library = null;

function load() {
  library ??= new Promise((resolve, reject) => {
    document.head.append(h('link', { rel: 'stylesheet', href: '/static/vendor/uplot/uPlot.min.css' }),
      h('script', { src: '/static/vendor/uplot/uPlot.iife.min.js', onload: () => resolve(globalThis.uPlot), onerror: () => reject(new Error('The chart library did not load. Reload the page.')) }));
  });
  return library;
}

/**
 * Make a chart. The text below it has each series' latest value, or the sum of its values if `summed`. `unit` is that of the y axis.
 * @param {{unit?: string, height?: number, stepped?: boolean, summed?: boolean}} options
 * @returns {{element: HTMLElement, show: function(number[], Array<{label: string, values: number[]}>)}}
 */
export function chart(title, { unit = '', height = 170, stepped = false, summed = false } = {}) {
  const canvas = h('div.canvas');
  const words = h('p.note.words', {});
  const figure = (values) => (summed ? `${text(values.reduce((sum, value) => sum + value, 0))} in this period` : `${values.at(-1) === null ? 'unknown now' : COUNTED.has(unit) ? plural(values.at(-1), unit) : `${text(values.at(-1))} ${unit}`}`);
  const element = h('figure.card.chart', {}, h('figcaption', {}, title), canvas, words);
  let plot = null;
  let drawn = '';
  let last = null;
  const show = async (times, series) => {
    last = [times, series];
    const UPlot = await load();
    words.textContent = series.length ? series.map((one) => `${one.label}: ${figure(one.values)}`).join(' · ') : summed ? 'none in this period' : 'no data yet';
    const labels = JSON.stringify([series.map((one) => one.label), colour('ink')]);
    const data = [times, ...series.map((one) => one.values)];
    if (plot && drawn === labels) {
      plot.setData(data);
      return;
    }
    plot?.destroy();
    drawn = labels;
    plot = new UPlot(options(UPlot, canvas.clientWidth || 300, height, series, stepped, unit), data, canvas);
  };
  new ResizeObserver(() => plot?.setSize({ width: canvas.clientWidth, height })).observe(canvas);
  addEventListener('themechange', () => last && element.isConnected && show(...last));
  return { element, show };
}

function options(UPlot, width, height, series, stepped, unit) {
  const axis = { stroke: colour('soft'), grid: { stroke: colour('line'), width: 1 }, ticks: { stroke: colour('line'), width: 1 }, font: '11px system-ui' };
  return {
    width, height, padding: [10, 34, 0, 0], legend: { show: series.length > 1, live: false, markers: { dash: (_, place) => (DASHES.at((place - 1) % DASHES.length).length ? 'dashed' : 'solid') } }, cursor: { drag: { x: false, y: false } },
    axes: [{ ...axis, values: (_, splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour12: false })), splits: ticks }, { ...axis, size: (_, labels) => axisWidth(labels), label: unit, labelSize: 18, labelFont: '11px system-ui', labelGap: 0, ...(COUNTED.has(unit) ? { incrs: WHOLE } : {}), values: (_, splits) => splits.map(compact) }],
    scales: { y: { range: (_, low, high) => [Math.min(0, low), Math.max(high, 1) * 1.1] } },
    series: [{}, ...series.map((one, place) => ({
      label: plainType(one.label), stroke: colour(COLOURS[place % COLOURS.length]), width: 2, dash: DASHES[place % DASHES.length], points: { show: false },
      paths: stepped ? UPlot.paths.stepped({ align: 1 }) : undefined,
    }))],
  };
}

/** Return the width of the y axis with these labels, so that none reaches into the unit. A digit is 7 pixels wide, a tick and its gap 15. */
export const axisWidth = (labels) => Math.max(46, 18 + 7 * Math.max(0, ...(labels ?? []).map((label) => label.length)));

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Return the times of the x axis' labels: at least one, and none outside the window, where it would be cut. */
export function ticks(plot, _axis, low, high) {
  const most = Math.max(2, Math.floor(plot.bbox.width / devicePixelRatio / 80));
  const step = STEPS_S.find((one) => (high - low) / one <= most) ?? (high - low) / most;
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.floor((high - first) / step) + 1 }, (_, place) => first + place * step);
}

const text = (value) => (value === undefined || value === null ? '–' : Number(value).toLocaleString('en', { maximumFractionDigits: 1 }));

const compact = (value) => (value === null ? '' : Number(value).toLocaleString('en', { notation: value < 1e5 ? 'standard' : 'compact', maximumFractionDigits: 1 }));
