/** Entry point. A page's scripts are loaded when it is first opened. */

import { every, get } from './lib/api.js';
import { plural } from './lib/format.js';
import { watchOutages } from './lib/outages.js';
import { page, redrawFailed, start } from './lib/router.js';
import { themes } from './lib/theme.js';

page('/', 'Shop', 'Shop', async () => (await import('./pages/shop.js')).shop);
page('/board', 'Incidents', 'Incidents', async () => (await import('./pages/incidents.js')).incidents);
page('/exercise', 'Exercise', 'Exercise', async () => (await import('./pages/exercise.js')).exercise);
page('/traces', 'Traces', 'Traces', async () => (await import('./pages/traces.js')).traces);
page('/traces/:id', 'Trace', null, async () => (await import('./pages/trace_page.js')).tracePage);
page('/compare', 'Compare two orders', 'Compare', async () => (await import('./pages/compare.js')).compare);
page('/map', 'Service map', 'Map', async () => (await import('./pages/map.js')).map);
page('/time', 'Self time by operation', 'Time', async () => (await import('./pages/self_time.js')).selfTime);
page('/insights', 'Business insights', 'Insights', async () => (await import('./pages/insights.js')).insights);
page('/dead-letters', 'Dead letters', 'Dead letters', async () => (await import('./pages/dead_letters.js')).deadLetters);
page('/old-way', 'Classic monitoring', 'Classic monitoring', async () => (await import('./pages/classic_monitoring.js')).classicMonitoring);

function watchState(pill) {
  every(4000, new AbortController().signal, async () => {
    const { hidden, incidents: all } = await get('/api/incidents');
    const on = all.filter((one) => one.state?.on).length;
    pill.hidden = !hidden && on === 0;
    pill.href = hidden ? '/exercise' : '/board';
    pill.textContent = hidden ? '▲ exercise on' : `▲ ${plural(on, 'incidents')} on`;
  });
}

themes(document.getElementById('theme'));
start();
watchState(document.getElementById('state'));
watchOutages(document.getElementById('outages'), redrawFailed);
