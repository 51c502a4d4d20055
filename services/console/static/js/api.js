/** Requests to the console, the only server that the page talks to. */

/** An answer that was none: its text says what failed and where. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body?.detail || `The console answered ${status}.`);
    this.status = status;
    this.body = body;
  }
}

async function ask(method, path, body, signal) {
  const options = { method, signal, headers: { Accept: 'application/json' } };
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, answer);
  return answer;
}

/** A query of those values that are not empty. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== '' && value !== null && value !== undefined && value !== false);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : '';
}

export const get = (path, signal) => ask('GET', path, undefined, signal);
export const post = (path, body = {}) => ask('POST', path, body);
export const put = (path, body = {}) => ask('PUT', path, body);
export const remove = (path) => ask('DELETE', path);

let shop = null;

/** What the shop sells, to whom; asked once. */
export async function theShop() {
  shop ??= get('/api/shop').catch((error) => {
    shop = null;
    throw error;
  });
  return shop;
}

/**
 * Do something now, and again some time after each time it is done, until the signal is aborted.
 * What fails is tried again: the shop may be on its way up.
 */
export function every(milliseconds, signal, task) {
  const run = async () => {
    if (signal.aborted) return;
    if (!document.hidden) await Promise.resolve(task()).catch(() => {});
    if (!signal.aborted) setTimeout(run, milliseconds);
  };
  run();
}

/** Wait. */
export const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
