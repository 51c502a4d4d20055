/** Every incident: its story, its switch, and what is on now. */

import { every, get, put, query as asQuery, remove } from './api.js';
import { announce, field, fill, h, select } from './dom.js';
import { ago } from './format.js';

/** Draw the page. */
export async function incidents(root, { signal }) {
  const now = h('section.card.now', { 'aria-labelledby': 'now-title' });
  const list = h('div.incidents');
  const said = h('div', { 'aria-live': 'polite' });
  root.append(now, said, list);
  const cards = new Map();
  const load = async () => {
    const { hidden, incidents: all } = await get('/api/incidents', signal);
    if (hidden) {
      fill(list, h('p.card', {}, 'An exercise runs: what is on is to be found out. ', h('a', { href: '/exercise' }, 'To the exercise')));
      fill(now, h('h2', { id: 'now-title' }, 'On now'), h('p', {}, 'Something.'));
      cards.clear();
      return;
    }
    summary(now, all, turn);
    for (const one of all) {
      if (!cards.has(one.id)) {
        cards.set(one.id, card(one, turn));
        if (cards.size === 1) fill(list);
        list.append(cards.get(one.id).element);
      }
      cards.get(one.id).show(one);
    }
  };
  const turn = async (what, task) => {
    fill(said, h('p.message', {}, `${what} …`));
    try {
      const answer = await task();
      const by = (answer.acknowledgedBy ?? []).join(', ');
      fill(said, h('p.message.good', {}, `✓ ${what}`, by && `: acknowledged by ${by} in ${answer.ackMs} ms`));
    } catch (error) {
      fill(said, h('p.message.bad', {}, '✖ ', error.message));
    }
    await load();
  };
  await load();
  every(3000, signal, load);
  announce(`${cards.size} incidents`);
}

function summary(root, all, turn) {
  const on = all.filter((one) => one.state?.on);
  const focused = root.contains(document.activeElement);
  const list = on.length
    ? h('ul.plain', {}, on.map((one) => h('li', {}, h('span.mark.bad', {}, '▲ on '), h('strong', {}, one.id), ` since ${ago(one.state.since)}`,
      one.state.until && `, until ${new Date(one.state.until).toLocaleTimeString([], { hour12: false })}`,
      one.state.probability < 1 && `, for ${Math.round(one.state.probability * 100)} % of the requests`,
      one.state.items.length > 0 && `, for item ${one.state.items.join(', ')}`,
      h('span.note', {}, `acknowledged by ${one.state.acknowledgedBy.join(', ') || 'nobody yet'}`))))
    : h('p', {}, '✓ Nothing is on: the shop works.');
  const off = h('button', { type: 'button', onclick: () => turn('All incidents are off', () => remove('/chaos')) }, 'Switch all off');
  fill(root, h('h2', { id: 'now-title' }, 'On now'), list, on.length > 0 && off);
  if (focused && on.length) off.focus();
}

function card(one, turn) {
  const switchable = one.state !== null && one.scope.includes('global');
  const state = h('p.state');
  const probability = h('input', { type: 'number', min: 0, max: 100, value: 100, id: `p-${one.id}` });
  const duration = select('for', [['', 'until switched off'], ['30s', '30 s'], ['60s', '1 min'], ['5m', '5 min'], ['30m', '30 min']]);
  duration.id = `d-${one.id}`;
  const button = h('button.switch', { type: 'button', role: 'switch', 'aria-checked': 'false', 'aria-label': `Switch ${one.id}` });
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-checked') === 'true';
    const wish = { probability: Number(probability.value) / 100, ...(duration.value ? { for: duration.value } : {}) };
    button.disabled = true;
    turn(`${one.id} is ${on ? 'off' : 'on'}`, () => (on ? remove(`/chaos/${one.id}`) : put(`/chaos/${one.id}`, wish))).finally(() => { button.disabled = false; });
  });
  const element = h('article.card.incident', { id: one.id, 'aria-labelledby': `t-${one.id}` },
    h('header', {}, h('h2', { id: `t-${one.id}` }, one.title), switchable && button),
    h('p.facts.small', {}, h('code', {}, one.id), h('span.tag', {}, `level ${one.level}`), !one.fault && h('span.tag', {}, 'look-alike: nothing is wrong')),
    h('p', {}, one.story), state,
    h('p.note', {}, h('strong', {}, 'The shopper sees: '), one.symptom),
    switchable && h('div.pair', {}, field('Of the requests, %', probability), field('For how long', duration)),
    h('p.buttons', {}, one.order && h('a.button', { href: orderLink(one, false) }, 'Place the order that shows it'),
      one.order && one.scope.includes('request') && h('a.button', { href: orderLink(one, true) }, 'For one order alone')),
    answer(one));
  return { element, show: (latest) => showState(latest, element, state, button) };
}

function showState({ state: now, scope }, element, text, button) {
  element.classList.toggle('on', Boolean(now?.on));
  button.setAttribute('aria-checked', String(Boolean(now?.on)));
  button.textContent = now?.on ? 'On' : 'Off';
  if (!now) fill(text, 'No switch: the order alone does it.');
  else if (!now.on) fill(text, scope.includes('global') ? '' : 'Only for one order.');
  else fill(text, h('span.mark.bad', {}, '▲ on'), ` since ${ago(now.since)}; acknowledged by ${now.acknowledgedBy.join(', ') || 'nobody yet'}`);
}

function orderLink(one, alone) {
  const { itemId, quantity, user, discountCode } = one.order;
  return `/${asQuery({ item: itemId, quantity, user: user || '', code: discountCode, chaos: alone ? one.id : '' })}`;
}

function answer(one) {
  return h('details', {}, h('summary', {}, 'Hints and the answer'),
    h('ol', {}, one.hints.map((hint) => h('li', {}, hint))),
    one.cause && h('p', {}, h('strong', {}, 'Cause: '), `${one.cause.reason}. `, h('code', {}, `${one.cause.service}, ${one.cause.component}`), h('span.note', {}, one.cause.code)),
    one.harmless && h('p', {}, h('strong', {}, 'Nothing is wrong: '), one.harmless),
    one.rollback && h('p', {}, h('strong', {}, 'Set right by: '), one.rollback));
}
