import { every, get, getShopInfo, post } from '../lib/api.js';
import { announce, fill, h, stacked, staleness } from '../lib/dom.js';
import { plural, short } from '../lib/format.js';
import { parsed } from '../trace/payload.js';
import { mark } from '../lib/services.js';

export async function deadLetters(root, { signal }) {
  const names = await getShopInfo();
  const list = h('section', { 'aria-label': 'List of dead letters' }, h('p.note', {}, 'Loading …'));
  const results = new Map();
  const waiting = new Set();
  let letters = null;
  let active = [];
  const draw = () => letters && fill(list, warning(active), overview(letters, results, waiting, replay, names));
  const replay = async (ids) => {
    ids.forEach((id) => waiting.add(id));
    draw();
    try {
      const { replays } = await post('/api/shop/dead-letters/replay', { ids });
      for (const one of replays) results.set(one.id, wording(one));
      announce(replays.map((one) => `${one.id}: ${wording(one)}`).join('. '));
    } catch (error) {
      ids.forEach((id) => results.set(id, error.message));
    }
    ids.forEach((id) => waiting.delete(id));
    await load().catch(draw); // the next run says that the list is not up to date
  };
  const load = async () => {
    const before = JSON.stringify([letters, active]);
    const [found, { hidden, incidents }] = await Promise.all([get('/api/shop/dead-letters', signal), get('/api/incidents', signal)]);
    letters = found.letters.reverse(); // the newest first
    active = hidden ? [] : incidents.filter((one) => one.state?.on);
    if (before !== JSON.stringify([letters, active]) || results.size) draw();
  };
  root.append(h('p', {}, 'stock-updater sends orders that it cannot handle to the dead-letter topic. Replay them after you have repaired the cause.'), list);
  every(3000, signal, load, staleness(list));
}

function warning(active) {
  return active.length > 0 && h('p.message', {}, `While ${active.length > 1 ? 'incidents are' : 'an incident is'} on, replayed orders may fail again. `, h('a', { href: '/board' }, 'Switch incidents off'));
}

function wording({ handled, error }) {
  if (handled) return 'replayed; the stock includes the order';
  return error ? `replayed, and failed again: ${error}` : 'replayed, but not handled within 10 s';
}

function order(letter, names) {
  const { itemId, quantity } = parsed(letter.value) ?? {};
  return itemId === undefined ? '–' : `${quantity} × ${names.items.find((item) => item.id === itemId)?.name ?? itemId}`;
}

function overview(letters, results, waiting, replay, names) {
  if (!letters.length) return h('p.card', {}, '✓ There are no dead letters.');
  const open = unhandled(letters);
  const types = [...new Set(letters.map((one) => one.errorType))];
  return [h('div.listhead', {}, h('h2', {}, plural(letters.length, 'dead letters')), h('span.note', {}, `${open.length} not handled`),
    h('button.main', { type: 'button', disabled: !open.length || waiting.size > 0, onclick: () => replay(open) }, 'Replay all')),
  types.map((type) => group(type, letters.filter((one) => one.errorType === type), results, waiting, replay, names))];
}

const unhandled = (letters) => letters.filter((one) => !one.handled).map((one) => one.id);

/** Draw the dead letters of an error. The rows repeat the error's message only where the messages differ. */
function group(type, letters, results, waiting, replay, names) {
  const same = letters.every((one) => one.errorMessage === letters[0].errorMessage);
  const heads = ['Partition-offset', 'Order', ...(same ? [] : ['Message']), 'Trace', 'Handled', 'Replay'];
  const title = type ?? 'No error type';
  return h('section.card', { 'aria-label': title }, h('h3', {}, title, h('span.note', {}, ` ${plural(letters.length, 'dead letters')}, ${unhandled(letters).length} not handled`)),
    same && h('p.note', {}, letters[0].errorMessage),
    h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': `Dead letters: ${title}` }, stacked(h('table.letters', {},
      h('thead', {}, h('tr', {}, heads.map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, letters.map((one) => row(one, same, results, waiting, replay, names)))))));
}

function row(one, same, results, waiting, replay, names) {
  return h('tr', { class: one.handled ? '' : 'failed' },
    h('td.nowrap', {}, h('code', {}, one.id)), h('td', {}, order(one, names)), !same && h('td.error', {}, h('span.note', {}, one.errorMessage)),
    h('td', {}, one.traceId ? h('a', { href: `/traces/${one.traceId}` }, short(one.traceId)) : '–'),
    h('td', {}, mark(!one.handled, one.handled ? 'yes' : 'no')),
    h('td', {}, !one.handled && h('button', { type: 'button', disabled: waiting.has(one.id), 'aria-label': `Replay ${one.id}`, onclick: () => replay([one.id]) }, waiting.has(one.id) ? 'Replaying …' : 'Replay'),
      results.has(one.id) && h('span.note', {}, ` ${results.get(one.id)}`)));
}
