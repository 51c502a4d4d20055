import { get, post, remove } from '../lib/api.js';
import { announce, failure, field, fill, h, select } from '../lib/dom.js';
import { clock, plural } from '../lib/format.js';
import { needsPart } from '../lib/outages.js';

export async function exercise(root, { signal }) {
  const body = h('div');
  const status = h('div', { 'aria-live': 'polite' });
  root.append(body, status);
  const act = async (task, focus, progress = '') => {
    fill(status, progress && h('p.message', {}, progress));
    try {
      draw(body, await task(), act, signal);
      fill(status);
      body.querySelector(focus)?.focus();
    } catch (error) {
      fill(status, failure(error));
    }
  };
  draw(body, await get('/api/exercise', signal), act, signal);
}

function draw(root, now, act, signal) {
  fill(root, now.last && outcome(now.last), now.running ? running(now, act, signal) : begin(now, act, signal), resetting(signal));
}

function begin(now, act, signal) {
  const which = select('exercise', [['', 'Random, any difficulty'], ['level 1', 'Random, 1: easy'], ['level 2', 'Random, 2: medium'], ['level 3', 'Random, 3: hard'],
    ...now.numbered.map(({ number, title }) => [`number ${number}`, `${number}. ${title}`])]);
  const prepare = h('input', { type: 'checkbox', id: 'prepare', checked: true });
  const start = () => {
    const [kind, value] = which.value.split(' ');
    const wanted = { prepare: prepare.checked, ...(kind ? { [kind]: Number(value) } : {}) };
    act(() => post('/api/exercise', wanted), '#running', 'Starting the exercise …');
  };
  return h('section.card', {}, h('h2', {}, now.last ? 'Start another exercise' : 'Start an exercise'),
    h('p', {}, 'The console switches on an incident and hides its name. Place orders, read their traces, and submit the service, the part of it and the error. In some exercises nothing is wrong.'),
    field('Exercise', which, 'Numbered exercises are those of the attendee’s guide.'),
    h('div.field.check', {}, h('label', { for: 'prepare' }, prepare, ' Reset the shop first, and place a clean order to compare with')),
    h('div.buttons', {}, needsPart(signal, h('button.main', { type: 'button', id: 'begin', onclick: start }, 'Start exercise'))));
}

function resetting(signal) {
  const status = h('p.note', { role: 'status' });
  const button = h('button', { type: 'button' }, 'Reset the shop');
  button.addEventListener('click', async () => {
    button.disabled = true;
    fill(status, 'Resetting …');
    try {
      const done = await post('/api/shop/reset');
      fill(status, `✓ Reset: ${plural(done.items, 'items')} refilled, ${plural(done.traces, 'traces')} and ${plural(done.deadLetters, 'dead letters')} deleted. `, h('a', { href: '/exercise' }, 'Continue'));
    } catch (error) {
      fill(status, `✖ ${error.message}`);
    }
    button.disabled = false;
  });
  return h('section.card', {}, h('h2', {}, 'Reset'), h('p', {}, 'Ends the exercise, switches all incidents off, refills the stock, and deletes traces, logs, metrics and dead letters.'),
    h('div.buttons', {}, needsPart(signal, button)), status);
}

function running(now, act, signal) {
  const { choices } = now;
  const pick = (name, label) => field(label, select(name, [['', 'select …'], ...choices[name].map((one) => [one, one === 'none' ? 'none: no span has an error' : one])]));
  const form = h('form', {}, h('div.trio', {}, pick('service', 'Service'), pick('component', 'Part'), pick('errorType', 'Error')),
    needsPart(signal, [h('button.main', { type: 'submit' }, 'Submit answer'),
      h('button', { type: 'button', onclick: () => act(() => post('/api/exercise/answer', {}), '.attempts') }, 'Nothing is wrong')], 'console'));
  const refusal = h('p.message.bad', { role: 'alert', hidden: true }, 'Select at least one value, or press “Nothing is wrong”.');
  form.append(refusal);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    refusal.hidden = Object.keys(given).length > 0;
    if (!refusal.hidden) return;
    act(() => post('/api/exercise/answer', given), '.attempts');
  });
  const simulate = h('button', { type: 'button' }, 'Simulate 6 customers');
  const progress = h('p.note', { role: 'status' });
  simulate.addEventListener('click', async () => {
    simulate.disabled = true;
    progress.textContent = 'Placing orders …';
    await post('/api/shop/customers', { count: 6 }).then(({ orders }) => { progress.textContent = `${plural(orders.length, 'orders')} placed, ${orders.filter((one) => one.accepted).length} accepted.`; }, (error) => { progress.textContent = error.message; });
    simulate.disabled = false;
  });
  return h('div.exercise', {},
    h('section.card', {}, h('h2', { id: 'running', tabindex: '-1' }, now.number ? `Exercise ${now.number}. ${now.numbered.find(({ number }) => number === now.number).title}` : 'Users complain. Find the cause.'),
      now.complaint && h('p.story', {}, now.complaint),
      h('p.note', {}, `Started at ${clock(Date.parse(now.since) * 1000)}, level ${now.level}.`),
      h('ol.steps', {}, h('li', {}, 'Simulate customers, or place orders in the ', h('a', { href: '/' }, 'shop'), '. ', needsPart(signal, simulate), progress),
        h('li', {}, 'Investigate: ', h('a', { href: '/insights' }, 'insights'), ', ', h('a', { href: '/traces?error=true' }, 'failed traces'), ', ', h('a', { href: '/map' }, 'service map'), ', ', h('a', { href: '/compare' }, 'compare two orders'), ', ', h('a', { href: '/time' }, 'self time'), ', ', h('a', { href: '/dead-letters' }, 'dead letters'), '.'),
        h('li', {}, 'Submit your answer.'))),
    h('section.card', {}, h('h2', {}, 'Your answer'), form, attempts(now.attempts)),
    h('section.card', {}, h('h2', {}, 'Hints'),
      now.hints.length ? h('ol', {}, now.hints.map((hint) => h('li', {}, hint))) : h('p.note', {}, 'Each hint reveals more.'),
      needsPart(signal, [h('button', { type: 'button', id: 'hint', disabled: !now.hintsLeft, onclick: () => act(() => post('/api/exercise/hint'), '#hint') }, `Next hint (${now.hintsLeft} left)`),
        h('button', { type: 'button', onclick: () => act(() => remove('/api/exercise'), '#outcome') }, 'Give up')], 'console')));
}

function attempts(all) {
  if (!all.length) return null;
  const names = { service: 'service', component: 'part', errorType: 'error' };
  announce(`Attempt ${all.length}: incorrect`);
  return h('ol.attempts', { tabindex: '-1', 'aria-label': 'Attempts' }, all.map(({ given, right }) => h('li', {},
    Object.keys(given).length ? Object.entries(given).map(([name, value]) => h('span', { class: `mark ${right[name] ? 'good' : 'bad'}` }, `${right[name] ? '✓' : '✖'} ${names[name]}: ${value} `))
      : h('span.mark.bad', {}, '✖ “Nothing is wrong” is incorrect'))));
}

function outcome(last) {
  announce(last.solved ? 'Correct.' : 'You gave up.');
  return h('section.card', { class: last.solved ? 'goodcard' : '' }, h('h2', { id: 'outcome', tabindex: '-1' }, last.solved ? '✓ Correct' : 'Solution'),
    h('p', {}, h('strong', {}, last.title), ' ', h('code', {}, last.id)), h('p', {}, last.story),
    last.cause && h('p', {}, h('strong', {}, 'Cause: '), `${last.cause.reason} (${last.cause.service}, ${last.cause.component}; ${last.errorType})`),
    last.harmless && h('p', {}, h('strong', {}, 'Nothing is wrong: '), last.harmless),
    h('p.note', {}, `${last.seconds} s, ${plural(last.attempts, 'attempts')}, ${plural(last.hintsUsed, 'hints')}. The incident is off again. `, h('a', { href: '/dead-letters' }, 'Replay dead letters')));
}
