import { get, query as asQuery, getShopInfo } from '../lib/api.js';
import { field, fill, h, select } from '../lib/dom.js';

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
