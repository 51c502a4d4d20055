/** Blind mode: one incident is on, nobody says which; find out what is wrong, and say so. */

import { get, post, remove } from './api.js';
import { announce, failure, field, fill, h, select } from './dom.js';
import { ago } from './format.js';

/** Draw the page. */
export async function exercise(root, { signal }) {
  const body = h('div');
  const said = h('div', { 'aria-live': 'polite' });
  root.append(body, said);
  const act = async (task, focus) => {
    fill(said);
    try {
      draw(body, await task(), act);
      body.querySelector(focus)?.focus();
    } catch (error) {
      fill(said, failure(error));
    }
  };
  await act(() => get('/api/exercise', signal));
}

function draw(root, now, act) {
  fill(root, now.last && outcome(now.last), now.running ? running(now, act) : begin(act, Boolean(now.last)));
}

function begin(act, again) {
  const level = select('level', [['', 'any'], ['1', '1: one look'], ['2', '2: follow the trace'], ['3', '3: compare and think']]);
  return h('section.card', {}, h('h2', {}, again ? 'Another one' : 'Find what is wrong'),
    h('p', {}, 'The shop picks one incident and switches it on. Its name stays on the server. Order, look at the traces, and say which service, which part of it and which error it is. It may also turn out that nothing is wrong.'),
    field('How hard', level),
    h('p.buttons', {}, h('button.main', { type: 'button', id: 'begin', onclick: () => act(() => post('/api/exercise', level.value ? { level: Number(level.value) } : {}), '#running') }, 'Begin')));
}

function running(now, act) {
  const { choices } = now;
  const pick = (name, label) => field(label, select(name, [['', 'choose …'], ...choices[name].map((one) => [one, one === 'none' ? 'none: nothing is an error' : one])]));
  const form = h('form', {}, h('div.trio', {}, pick('service', 'Service'), pick('component', 'Part'), pick('errorType', 'Error')),
    h('p.buttons', {}, h('button.main', { type: 'submit' }, 'That is it'),
      h('button', { type: 'button', onclick: () => act(() => post('/api/exercise/answer', {}), '.attempts') }, 'Nothing is wrong')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    act(() => post('/api/exercise/answer', given), '.attempts');
  });
  const crowd = h('button', { type: 'button' }, 'Let customers order');
  const noted = h('p.note', { role: 'status' });
  crowd.addEventListener('click', async () => {
    crowd.disabled = true;
    noted.textContent = 'They order …';
    await post('/api/shop/customers', { count: 6 }).then(({ orders }) => { noted.textContent = `${orders.length} orders were placed. Somebody complains.`; }, (error) => { noted.textContent = error.message; });
    crowd.disabled = false;
  });
  return h('div.exercise', {},
    h('section.card', {}, h('h2', { id: 'running', tabindex: '-1' }, 'Users complain. What is wrong?'),
      h('p', {}, `Something is on since ${ago(now.since)} (level ${now.level}).`),
      h('ol.steps', {}, h('li', {}, 'Let customers order, or order in the ', h('a', { href: '/' }, 'shop'), '. ', crowd, noted),
        h('li', {}, 'Look: ', h('a', { href: '/insights' }, 'what'), ', ', h('a', { href: '/traces?error=true' }, 'failed traces'), ', ', h('a', { href: '/map' }, 'the map'), ', ', h('a', { href: '/compare' }, 'a clean and a broken order'), ', ', h('a', { href: '/time' }, 'where time goes'), '.'),
        h('li', {}, 'Say what it is.'))),
    h('section.card', {}, h('h2', {}, 'Your answer'), form, attempts(now.attempts)),
    h('section.card', {}, h('h2', {}, 'Hints'),
      now.hints.length ? h('ol', {}, now.hints.map((hint) => h('li', {}, hint))) : h('p.note', {}, 'Each gives away a little more.'),
      h('p.buttons', {}, h('button', { type: 'button', id: 'hint', disabled: !now.hintsLeft, onclick: () => act(() => post('/api/exercise/hint'), '#hint') }, `Next hint (${now.hintsLeft} left)`),
        h('button', { type: 'button', onclick: () => act(() => remove('/api/exercise'), '#outcome') }, 'Give up'))));
}

function attempts(all) {
  if (!all.length) return null;
  const names = { service: 'service', component: 'part', errorType: 'error' };
  announce(`Attempt ${all.length}: not yet right`);
  return h('ol.attempts', { tabindex: '-1', 'aria-label': 'Attempts' }, all.map(({ given, right }) => h('li', {},
    Object.keys(given).length ? Object.entries(given).map(([name, value]) => h('span', { class: `mark ${right[name] ? 'good' : 'bad'}` }, `${right[name] ? '✓' : '✖'} ${names[name]}: ${value} `))
      : h('span.mark.bad', {}, '✖ Something is wrong, though.'))));
}

function outcome(last) {
  announce(last.solved ? 'Right.' : 'Given up.');
  return h('section.card', { class: last.solved ? 'goodcard' : '' }, h('h2', { id: 'outcome', tabindex: '-1' }, last.solved ? '✓ Right' : 'It was'),
    h('p', {}, h('strong', {}, last.title), ' ', h('code', {}, last.id)), h('p', {}, last.story),
    last.cause && h('p', {}, h('strong', {}, 'Cause: '), `${last.cause.reason} (${last.cause.service}, ${last.cause.component}; ${last.errorType})`),
    last.harmless && h('p', {}, h('strong', {}, 'Nothing is wrong: '), last.harmless),
    h('p.note', {}, `${last.seconds} s, ${last.attempts} attempt${last.attempts === 1 ? '' : 's'}, ${last.hintsUsed} hint${last.hintsUsed === 1 ? '' : 's'}. It is switched off again.`));
}
