import { get } from './api.js';
import { announce, fill, h } from './dom.js';
import { clock } from './format.js';

const EFFECTS = {
  console: 'Nothing on this page is updated, and no switch can be changed.',
  observatory: 'Traces, logs, metrics and alerts cannot be read. Orders still work.',
  orders: 'No order can be placed.',
  'auth-stub': 'Nobody can log in, so every order is refused.',
  'stock-updater': 'The stock cannot be read. Orders are accepted, and handled later.',
  kafka: 'Orders cannot be published.',
  dynamodb: 'The stock cannot be read or written.',
};

let unanswered = null;

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
  let shown = '[]';
  const check = async () => {
    const down = document.hidden ? null : await readDown();
    const key = down && JSON.stringify(down);
    if (down && key !== shown) {
      if (down.length < JSON.parse(shown).length) recovered();
      shown = key;
      banner.hidden = down.length === 0;
      fill(banner, down.map(line));
      announce(down.length ? down.map(({ part }) => `${part} is down`).join('. ') : 'All parts are up again.');
    }
    setTimeout(check, 2000);
  };
  check();
}

function line({ part, since, reason }) {
  return h('p', {}, h('strong', {}, `✖ ${part} is down since ${clock(Date.parse(since) * 1000)}.`), ` ${EFFECTS[part] ?? ''} `,
    'Start it again: ', h('code', {}, `vshop restart ${part}`), '. This page then continues by itself. ', h('span.note', {}, `Reason: ${reason.replace(/\.?$/, '.')}`));
}
