import { isOutage } from './api.js';
import { announce, failure, fill, h } from './dom.js';

const routes = [];
let leaving = new AbortController();
let failed = false;

/**
 * Add a page.
 * @param {string} path with parts such as `:id`
 * @param {string} title its heading
 * @param {string|null} nav its name in the navigation
 * @param {function(): Promise<function(HTMLElement, object): Promise>} load imports its function, which draws it from {params, query, signal}
 */
export function page(path, title, nav, load) {
  const names = [...path.matchAll(/:(\w+)/g)].map((found) => found[1]);
  const pattern = new RegExp(`^${path.replace(/:\w+/g, '([^/]+)')}/?$`);
  routes.push({ path, title, nav, load, names, pattern });
}

export function go(address, { replace = false } = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', address);
  return draw();
}

/** Change the address without drawing, so that a search can be shared as a link. */
export function remember(address) {
  history.replaceState(null, '', address);
}

export async function draw(first = false) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const main = document.getElementById('main');
  const found = routes.map((route) => [route, route.pattern.exec(location.pathname)]).find(([, match]) => match);
  const [route, match] = found ?? [null, null];
  const title = route ? route.title : 'Page not found';
  document.title = `${title} · Virtual shop`;
  failed = false;
  for (const link of document.querySelectorAll('#nav a')) {
    const here = route && (link.getAttribute('href') === route.path || (route.path !== '/' && route.path.startsWith(`${link.getAttribute('href')}/`)));
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  centreCurrent();
  const heading = h('h1', { tabindex: '-1' }, title);
  const body = h('div.page', {}, heading);
  fill(main, body);
  if (!first) {
    heading.focus();
    scrollTo(0, 0);
    announce(title);
  }
  if (!route) {
    body.append(h('p', {}, 'There is no page at this address. ', h('a', { href: '/' }, 'Open the shop')));
    return;
  }
  const params = Object.fromEntries(route.names.map((name, place) => [name, decodeURIComponent(match[place + 1])]));
  try {
    const show = await route.load();
    if (!signal.aborted) await show(body, { params, query: new URLSearchParams(location.search), signal });
  } catch (error) {
    if (signal.aborted) return;
    failed = isOutage(error);
    fill(body, heading, failure(error, failed));
    if (failed) setTimeout(() => !signal.aborted && redrawFailed(), 4000);
  }
}

/** Scroll the navigation to the current page, which a narrow screen would cut. */
function centreCurrent() {
  const link = document.querySelector('#nav [aria-current]');
  if (link) link.parentElement.scrollLeft = link.offsetLeft - (link.parentElement.clientWidth - link.offsetWidth) / 2;
}

/** Draw the page again if a part that was down kept it from being drawn. */
export function redrawFailed() {
  if (failed) draw(true);
}

export function start() {
  fill(document.getElementById('nav'), routes.filter((route) => route.nav).map((route) => h('a', { href: route.path }, route.nav)));
  addEventListener('popstate', () => draw());
  addEventListener('resize', centreCurrent);
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href]');
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || to.hash || !routes.some((route) => route.pattern.test(to.pathname))) return;
    event.preventDefault();
    go(to.pathname + to.search);
  });
  return draw(true);
}
