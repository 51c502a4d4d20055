/** Light or dark: as the system says, until somebody chooses. */

const KEY = 'vshop-theme';

/** Whether the page is dark now. */
export function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** Let a button switch. */
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

/** The value of a colour of the style sheet, for what is drawn on a canvas. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
