import { every, get, put, query as asQuery, remove } from '../lib/api.js';
import { announce, failure, field, fill, h, select, staleness } from '../lib/dom.js';
import { ago } from '../lib/format.js';
import { onOutages } from '../lib/outages.js';

export async function incidents(root, { signal }) {
  const now = h('section.card.now', { 'aria-labelledby': 'now-title' });
  const list = h('div.incidents');
  const cards = new Map();
  const filter = filterForm(() => cards.forEach((card) => card.hide(!filter.matches(card.incident))), signal);
  const telemetry = h('section.card', { 'aria-labelledby': 'telemetry-title' });
  const about = h('p.note', {}, 'A switch turns an incident on for all orders. A twin looks like a fault, but nothing is wrong. Level 1 is easy to diagnose, level 3 is hard.');
  root.append(about, h('div.board', {}, now, filter.form), list, telemetry);
  const load = async () => {
    const { hidden, incidents: all } = await get('/api/incidents', signal);
    for (const part of [about, now, filter.form, telemetry]) part.hidden = hidden;
    if (hidden) {
      fill(list, h('p.card', {}, 'The incidents are hidden during an exercise. ', h('a', { href: '/exercise' }, 'Open the exercise')));
      fill(now);
      cards.clear();
      fill(telemetry);
      return;
    }
    summary(now, all, load);
    if (!cards.size) fill(list);
    for (const one of all) {
      if (!cards.has(one.id)) {
        cards.set(one.id, card(one, load));
        list.append(cards.get(one.id).element);
      }
      cards.get(one.id).show(one);
    }
    filter.count(all);
    await telemetryFaults(telemetry, signal).catch((error) => {
      if (telemetry.querySelector('.message')?.textContent.includes(error.message)) return; // a screen reader would read the alert again
      fill(telemetry, h('h2', { id: 'telemetry-title' }, 'Telemetry faults'), failure(error, true));
    });
  };
  await load();
  every(3000, signal, load, staleness(list, now, telemetry));
  onOutages(signal, (down) => {
    const unreachable = down.some(({ part }) => part === 'console');
    for (const group of root.querySelectorAll('fieldset')) group.disabled = unreachable;
  });
  announce(`${cards.size} incidents`);
}

function filterForm(apply, signal) {
  const text = h('input', { type: 'search', placeholder: 'Title, id or story' });
  const service = select('service', [['', 'any']]);
  const kind = select('kind', [['', 'all'], ['on', 'on'], ['fault', 'faults'], ['twin', 'twins']]);
  const form = h('form.card.filter', { role: 'search', 'aria-label': 'Incidents' }, field('Filter', text), field('Service', service), field('Show', kind));
  form.addEventListener('input', apply, { signal });
  form.addEventListener('submit', (event) => event.preventDefault());
  const kinds = { '': () => true, on: (one) => one.state?.on, fault: (one) => one.fault, twin: (one) => !one.fault };
  return {
    form,
    matches: (one) => `${one.title} ${one.id} ${one.story}`.toLowerCase().includes(text.value.trim().toLowerCase())
      && (!service.value || one.services.includes(service.value)) && kinds[kind.value](one),
    count: (all) => {
      const names = [...new Set(all.flatMap((one) => one.services))].sort();
      if (service.options.length === 1) service.append(...names.map((name) => h('option', { value: name }, name)));
      apply();
    },
  };
}

function summary(root, all, load) {
  const on = all.filter((one) => one.state?.on);
  const focused = root.contains(document.activeElement);
  const list = on.length
    ? h('ul.plain', {}, on.map((one) => h('li', {}, h('span.mark.bad', {}, '▲ on '), h('strong', {}, one.title), ' ', h('code', {}, one.id), `, switched on ${ago(one.state.since)}`,
      one.state.until && `, until ${new Date(one.state.until).toLocaleTimeString([], { hour12: false })}`,
      one.state.probability < 1 && `, for ${Math.round(one.state.probability * 1000) / 10} % of the requests`,
      one.state.items.length > 0 && `, for item ${one.state.items.join(', ')}`,
      h('span.note', {}, `acknowledged by ${one.state.acknowledgedBy.join(', ') || 'no instance yet'}`))))
    : h('p', {}, '✓ No incident is on.');
  const result = h('p', { role: 'status' });
  const off = h('button', { type: 'button', onclick: () => report(result, 'All incidents are off', () => remove('/chaos'), load) }, 'Switch all off');
  fill(root, h('h2', { id: 'now-title' }, 'Active incidents'), list, on.length > 0 && h('div.buttons', {}, h('fieldset.bare', {}, off), result));
  if (focused && on.length) off.focus();
}

async function report(result, what, task, load) {
  fill(result, h('span.note', {}, 'Waiting for the services …'));
  try {
    const answer = await task();
    const by = (answer.acknowledgedBy ?? []).join(', ');
    fill(result, h('span.mark.good', {}, `✓ ${what}`), by && h('span.note', {}, ` acknowledged by ${by} in ${answer.ackMs} ms`));
  } catch (error) {
    fill(result, h('span.mark.bad', {}, `✖ ${error.message}`));
  }
  await load().catch(() => {}); // every() reports it
}

function card(one, load) {
  const switchable = one.state !== null && one.scope.includes('global');
  const state = h('p.state', { role: 'status' });
  const share = h('input', { type: 'number', min: 1, max: 100, step: 'any', value: 100, required: true, id: `p-${one.id}` });
  const duration = select('for', [['', 'no limit'], ['30s', '30 s'], ['60s', '1 min'], ['5m', '5 min'], ['30m', '30 min']]);
  duration.id = `d-${one.id}`;
  const button = h('button.switch', { type: 'button', role: 'switch', 'aria-checked': 'false', 'aria-label': `Switch ${one.id}` });
  const more = h('div.more', { id: `m-${one.id}`, hidden: true });
  const toggle = h('button.linkish', { type: 'button', 'aria-expanded': 'false', 'aria-controls': more.id, 'aria-label': `Details of ${one.id}` }, 'Details');
  const open = (shown) => {
    more.hidden = !shown;
    toggle.setAttribute('aria-expanded', String(shown));
  };
  toggle.addEventListener('click', () => open(more.hidden));
  button.addEventListener('click', async () => {
    const on = button.getAttribute('aria-checked') === 'true';
    if (!on && !share.checkValidity()) {
      open(true);
      fill(state, h('span.mark.bad', {}, '✖ Not switched on: enter a share of the requests from 1 to 100 %.'));
      share.focus();
      return;
    }
    const request = { probability: Number(share.value) / 100, ...(duration.value ? { for: duration.value } : {}) };
    button.disabled = true;
    await report(state, on ? 'Off' : 'On', () => (on ? remove(`/chaos/${one.id}`) : put(`/chaos/${one.id}`, request)), load);
    button.disabled = false;
  });
  more.append(h('p', {}, one.story), h('p.note', {}, h('strong', {}, 'The shopper sees: '), one.symptom),
    switchable ? h('div.pair', {}, field('Requests affected (%)', share), field('Duration', duration)) : '',
    h('p.buttons', {}, one.order && h('a.button', { href: orderLink(one, false) }, 'Prepare the triggering order'),
      one.order && one.scope.includes('request') && h('a.button', { href: orderLink(one, true) }, 'Inject into one order')),
    one.order ? '' : h('p.note', {}, 'The shop page always logs in. To send the triggering order, type ', h('code.nowrap', {}, one.trigger), ' in a terminal.'),
    answer(one));
  const element = h('article.card.incident', { id: one.id, 'aria-labelledby': `t-${one.id}` },
    h('header', {}, h('div', {}, h('h2', { id: `t-${one.id}` }, one.title),
      h('p.facts.small', {}, h('code', {}, one.id), h('span.tag', {}, `level ${one.level}`), !one.fault && h('span.tag', {}, 'twin'),
        !one.state && h('span.note', {}, 'the order itself triggers it'), one.state && !switchable && h('span.note', {}, 'for one order only'))),
    h('div.controls', {}, switchable && h('fieldset.bare', {}, button), toggle)), state, more);
  return {
    element,
    incident: one,
    hide: (hidden) => { element.hidden = hidden; },
    show(latest) {
      this.incident = latest;
      const on = Boolean(latest.state?.on);
      if (on !== element.classList.contains('on') && !button.disabled) fill(state);
      element.classList.toggle('on', on);
      button.setAttribute('aria-checked', String(on));
      button.textContent = on ? 'On' : 'Off';
    },
  };
}

function orderLink(one, alone) {
  const { itemId, quantity, user, discountCode } = one.order;
  return `/${asQuery({ item: itemId, quantity, user: user || '', code: discountCode, chaos: alone ? one.id : '' })}`;
}

function answer(one) {
  return h('details', {}, h('summary', {}, 'Hints and answer'),
    !one.fault && h('p', {}, 'A twin: nothing is wrong.'),
    h('ol', {}, one.hints.map((hint) => h('li', {}, hint))),
    one.cause && h('p', {}, h('strong', {}, 'Cause: '), `${one.cause.reason}. `, h('code', {}, `${one.cause.service}, ${one.cause.component}`), h('span.note', {}, ` ${one.cause.code}`)),
    one.harmless && h('p', {}, h('strong', {}, 'Nothing is wrong: '), one.harmless),
    one.rollback && h('p', {}, h('strong', {}, 'Recovery: '), one.rollback));
}

async function telemetryFaults(root, signal) {
  const { faults } = await get('/api/telemetry-faults', signal);
  if (!root.querySelector('ul')) {
    const result = h('p', { role: 'status' });
    const row = (one) => {
      const button = h('button.switch', { type: 'button', role: 'switch', 'aria-label': `Switch ${one.id}`, id: `tf-${one.id}` });
      button.addEventListener('click', () => {
        const on = button.getAttribute('aria-checked') === 'true';
        const url = `/api/telemetry-faults/${one.id}`;
        report(result, `${one.id} is ${on ? 'off' : 'on'}`, () => (on ? remove(url) : put(url, {})), () => telemetryFaults(root, signal));
      });
      return h('li', {}, h('fieldset.bare', {}, button), ' ', h('strong', {}, one.title), ' ', h('code', {}, one.id));
    };
    fill(root, h('details', { open: faults.some((one) => one.on) }, h('summary', { id: 'telemetry-title' }, 'Telemetry faults'),
      h('p.note', {}, 'The orders go well, and their telemetry is altered.'), h('ul.plain', {}, faults.map(row)), result));
  }
  for (const one of faults) {
    const button = root.querySelector(`#tf-${one.id}`);
    button.setAttribute('aria-checked', String(one.on));
    button.textContent = one.on ? 'On' : 'Off';
  }
}
