export class ApiError extends Error {
  constructor(status, body) {
    super(body?.detail || `The console answered ${status}.`);
    this.status = status;
    this.body = body;
  }
}

/** Return whether a part is down, so that a later attempt may succeed. */
export const isOutage = (error) => error instanceof TypeError || error.status >= 502;

async function send(method, path, body, signal) {
  const options = { method, signal, headers: { Accept: 'application/json' } };
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options).catch((error) => {
    throw error.name === 'AbortError' ? error : new TypeError('The console does not answer.');
  });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, answer);
  return answer;
}

export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== '' && value !== null && value !== undefined && value !== false);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : '';
}

export const get = (path, signal) => send('GET', path, undefined, signal);
export const post = (path, body = {}) => send('POST', path, body);
export const put = (path, body = {}) => send('PUT', path, body);
export const remove = (path) => send('DELETE', path);

let shopInfo = null;

/** Read the items, shoppers and codes once. */
export async function getShopInfo() {
  shopInfo ??= get('/api/shop').catch((error) => {
    shopInfo = null;
    throw error;
  });
  return shopInfo;
}

/**
 * Run a task now and again, that long after each run, until the signal is aborted.
 * @param {function(Error|null, Date|null)} settled called after each run with its error, and the time of the last success
 */
export function every(milliseconds, signal, task, settled = () => {}) {
  let succeeded = null;
  const run = async () => {
    if (signal.aborted) return;
    if (!document.hidden) {
      let failed = null;
      try {
        await task();
        succeeded = new Date();
      } catch (error) {
        failed = error;
      }
      if (!signal.aborted) settled(failed, succeeded);
    }
    if (!signal.aborted) setTimeout(run, milliseconds);
  };
  run();
}

export const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
