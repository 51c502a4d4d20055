/** Where the page begins. A page's scripts are loaded when it is first opened. */

import { every, get } from './api.js';
import { page, start } from './router.js';
import { themes } from './theme.js';

page('/', 'Shop', 'Shop', async () => (await import('./shop.js')).shop);
page('/board', 'Incidents', 'Incidents', async () => (await import('./incidents.js')).incidents);
page('/exercise', 'Exercise', 'Exercise', async () => (await import('./exercise.js')).exercise);
page('/traces', 'Traces', 'Traces', async () => (await import('./traces.js')).traces);
page('/traces/:id', 'Trace', null, async () => (await import('./trace_page.js')).tracePage);
page('/compare', 'Two orders side by side', 'Compare', async () => (await import('./compare.js')).compare);
page('/map', 'Service map', 'Map', async () => (await import('./map.js')).map);
page('/time', 'Where does our code spend time?', 'Time', async () => (await import('./self_time.js')).selfTime);
page('/insights', 'Business insights', 'Insights', async () => (await import('./insights.js')).insights);
page('/old-way', 'The old way', 'Old way', async () => (await import('./old_way.js')).oldWay);

/** Show beside the navigation how many incidents are on. */
function watchState(pill) {
  every(4000, new AbortController().signal, async () => {
    const { hidden, incidents: all } = await get('/api/incidents');
    const on = all.filter((one) => one.state?.on).length;
    pill.hidden = !hidden && on === 0;
    pill.href = hidden ? '/exercise' : '/board';
    pill.textContent = hidden ? '▲ exercise runs' : `▲ ${on} on`;
    pill.title = hidden ? 'An exercise is under way' : `${on} incident${on === 1 ? ' is' : 's are'} on`;
  });
}

themes(document.getElementById('theme'));
start();
watchState(document.getElementById('state'));
