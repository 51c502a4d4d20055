/** Where the page begins. */

import { compare } from './compare.js';
import { every, get } from './api.js';
import { exercise } from './exercise.js';
import { incidents } from './incidents.js';
import { insights } from './insights.js';
import { map } from './map.js';
import { oldWay } from './old_way.js';
import { page, start } from './router.js';
import { selfTime } from './self_time.js';
import { shop } from './shop.js';
import { themes } from './theme.js';
import { tracePage } from './trace_page.js';
import { traces } from './traces.js';

page('/', 'Shop', 'Shop', shop);
page('/incidents', 'Incidents', 'Incidents', incidents);
page('/exercise', 'Exercise', 'Exercise', exercise);
page('/traces', 'Traces', 'Traces', traces);
page('/traces/:id', 'Trace', null, tracePage);
page('/compare', 'Two orders side by side', 'Compare', compare);
page('/map', 'Service map', 'Map', map);
page('/time', 'Where does our code spend time?', 'Time', selfTime);
page('/insights', 'Business insights', 'Insights', insights);
page('/old-way', 'The old way', 'Old way', oldWay);

/** Show beside the navigation how many incidents are on. */
function watchState(pill) {
  every(4000, new AbortController().signal, async () => {
    const { hidden, incidents: all } = await get('/api/incidents');
    const on = all.filter((one) => one.state?.on).length;
    pill.hidden = !hidden && on === 0;
    pill.href = hidden ? '/exercise' : '/incidents';
    pill.textContent = hidden ? '▲ exercise runs' : `▲ ${on} on`;
    pill.title = hidden ? 'An exercise is under way' : `${on} incident${on === 1 ? ' is' : 's are'} on`;
  });
}

themes(document.getElementById('theme'));
watchState(document.getElementById('state'));
start();
