import { get } from './api.js';
import { announce, fill, h } from './dom.js';
import { clock } from './format.js';

const EFFECTS = {
  console: 'Nothing on this page is updated. No order can be placed here, and no switch can be changed.',
  observatory: 'Traces, logs, metrics and alerts cannot be read. Orders still work.',
  orders: 'No order can be placed.',
  'auth-stub': 'Nobody can log in, so every order is refused.',
  'stock-updater': 'The stock and dead letters cannot be read. Orders are accepted, and handled later.',
  kafka: 'Every order is refused, and dead letters cannot be read.',
  dynamodb: 'The stock and dead letters cannot be read. Orders are accepted, and handled later.',
};

const CONTINUES = 'This page then continues by itself.';
const EMPTIED = 'It then starts empty: the traces, logs and metrics from before are lost.';

let unanswered = null;
let current = [];

/**
 * Call a function with the outages now, if there are any, and after each change, until the signal is aborted.
 * @param {function(Array<{part: string, since: string, reason: string}>)} show
 */
export function onOutages(signal, show) {
  addEventListener('outages', () => show(current), { signal });
  if (current.length) show(current);
}

/** Group controls with a note. While the part, or without one any part, is down, they are disabled and the note is shown. */
export function needsPart(signal, controls, part = '') {
  const note = h('span.note', { hidden: true }, `Not possible while ${part ? `the ${part}` : 'a part'} is down.`);
  const group = h('fieldset.bare', {}, controls, note);
  onOutages(signal, (down) => {
    group.disabled = down.some((one) => !part || one.part === part);
    note.hidden = !group.disabled;
  });
  return group;
}

async function readDown() {
  try {
    const { down } = await get('/api/parts');
    unanswered = null;
    return down;
  } catch (error) {
    unanswered ??= new Date().toISOString();
    return [{ part: 'console', since: unanswered, reason: error.message }];
  }
}

export function watchOutages(banner, recovered) {
  let shown = '[]'; // without the reasons, which change from one check to the next
  const check = async () => {
    const down = document.hidden ? null : await readDown();
    const key = down && JSON.stringify(down.map(({ part, since }) => [part, since]));
    if (down && key !== shown) {
      if (down.length < JSON.parse(shown).length) recovered();
      shown = key;
      banner.hidden = down.length === 0;
      fill(banner, down.map(line));
      current = down;
      dispatchEvent(new Event('outages'));
      announce(down.length ? down.map(({ part }) => `${part} is down`).join('. ') : 'All parts are up again.');
    }
    setTimeout(check, 2000);
  };
  check();
}

function line({ part, since, reason }) {
  return h('p', {}, h('strong', {}, `✖ ${part} has been down since ${clock(Date.parse(since) * 1000)}.`), ` ${EFFECTS[part] ?? ''} `,
    'To start it again, type ', h('code', {}, `vshop restart ${part}`), ` in a terminal. ${part === 'observatory' ? EMPTIED : CONTINUES} `, h('span.note', {}, `Reason: ${reason.replace(/\.?$/, '.')}`));
}
