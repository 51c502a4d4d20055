/** The light or dark theme: the system's, until the user selects one. */

const KEY = 'vshop-theme';

export function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

export function themes(button) {
  const apply = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    button.textContent = dark() ? '☀ Light' : '☾ Dark';
  };
  apply(localStorage.getItem(KEY));
  button.addEventListener('click', () => {
    const next = dark() ? 'light' : 'dark';
    localStorage.setItem(KEY, next);
    apply(next);
    dispatchEvent(new Event('themechange'));
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    apply();
    dispatchEvent(new Event('themechange'));
  });
}

/** Return a colour of the style sheet, for drawing on a canvas. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
