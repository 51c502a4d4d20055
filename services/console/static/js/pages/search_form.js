import { get, getShopInfo, isOutage, query as asQuery } from '../lib/api.js';
import { failure, field, fill, h, select, staleness } from '../lib/dom.js';
import { onOutages } from '../lib/outages.js';

const AGAIN_MS = 3000;

/**
 * Return a function that searches and shows what it found. It searches again while nothing is found or a part is down,
 * and marks the results as old while they cannot be read.
 * @param {function(object): Promise<{empty: boolean, show: function()}>} read searches by the form's values
 */
export function searching(results, signal, read) {
  let settled = null; // made once the results are in the document
  let latest = null;
  let succeeded = null;
  let old = false;
  const search = async (values) => {
    const mine = { values };
    latest = mine;
    settled ??= staleness(results);
    let again = false;
    try {
      const { empty, show } = await read(values);
      if (signal.aborted || latest !== mine) return;
      show();
      succeeded = new Date();
      again = empty;
    } catch (error) {
      if (signal.aborted || latest !== mine) return;
      fill(results, failure(error, isOutage(error)));
      succeeded = null;
      again = isOutage(error);
    }
    old = false;
    settled(null);
    if (again) setTimeout(() => !signal.aborted && latest === mine && search(values), AGAIN_MS);
  };
  onOutages(signal, (down) => {
    const unreadable = down.find(({ part }) => ['console', 'observatory'].includes(part));
    if (unreadable && succeeded) {
      old = true;
      settled(new Error(`${unreadable.part} is down.`), succeeded);
    } else if (old) search(latest.values);
  });
  return search;
}

const FIELDS = ['service', 'operation', 'error', 'exception', 'minMs', 'maxMs', 'order', 'item', 'user', 'limit'];

/**
 * @param {URLSearchParams} query initial values
 * @param {function(object)} search called with the values
 */
export async function searchForm(query, signal, search) {
  const [{ services }, names] = await Promise.all([get('/api/services', signal).catch(() => ({ services: [] })), getShopInfo()]);
  const service = select('service', [['', 'any of an order'], ...services.map((one) => [one, one])], query.get('service') ?? '');
  const operation = select('operation', [['', 'any']]);
  const text = (name, props = {}) => h('input', { name, value: query.get(name) ?? '', autocomplete: 'off', ...props });
  const error = h('input', { type: 'checkbox', name: 'error', value: 'true', checked: query.get('error') === 'true', id: 'only-errors' });
  const form = h('form.card.search', { role: 'search', 'aria-label': 'Traces' },
    field('Service', service), field('Operation', operation),
    field('Exception type', text('exception', { placeholder: 'full name', list: 'exceptions' })),
    h('datalist', { id: 'exceptions' }, ['botocore.exceptions.ClientError', 'ZeroDivisionError', 'TypeError',
      'requests.exceptions.ConnectTimeout', 'requests.exceptions.ReadTimeout'].map((one) => h('option', { value: one }))),
    field('Min duration (ms)', text('minMs', { type: 'number', min: 0, step: 'any' })), field('Max duration (ms)', text('maxMs', { type: 'number', min: 0, step: 'any' })),
    field('Order id', text('order')),
    field('Item', select('item', [['', 'any'], ...names.items.map((one) => [one.id, one.name])], query.get('item') ?? '')),
    field('Shopper', select('user', [['', 'any'], ...names.shoppers.map((one) => [one.id, one.name])], query.get('user') ?? '')),
    field('Limit', select('limit', ['20', '50', '100', '200'].map((one) => [one, one]), query.get('limit') ?? '20')),
    h('div.field.check', {}, h('label', { for: 'only-errors' }, error, ' Only with errors')),
    h('div.buttons', {}, h('button.main', { type: 'submit' }, 'Search'), h('button', { type: 'reset' }, 'Reset')));
  const operations = async () => {
    const found = service.value ? (await get(`/api/operations${asQuery({ service: service.value })}`, signal)).operations : [];
    fill(operation, h('option', { value: '' }, 'any'), found.map((one) => h('option', { value: one, selected: one === query.get('operation') }, one)));
  };
  await operations().catch(() => {});
  // There may have been no service when the page was opened.
  service.addEventListener('focus', async () => {
    const found = await get('/api/services', signal).catch(() => ({ services: [] }));
    const known = [...service.options].map((one) => one.value);
    service.append(...found.services.filter((one) => !known.includes(one)).map((one) => h('option', { value: one }, one)));
  });
  service.addEventListener('change', () => operations().catch(() => {}));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    search(values(form));
  });
  form.addEventListener('reset', () => setTimeout(() => {
    for (const control of form.elements) if (control.type === 'checkbox') control.checked = false; else if (control.name) control.value = control.name === 'limit' ? '20' : '';
    search(values(form));
  }));
  return { form, values: () => values(form) };
}

function values(form) {
  const given = new FormData(form);
  return Object.fromEntries(FIELDS.map((name) => [name, (given.get(name) ?? '').toString().trim()]));
}
