// Dark and light: as the system has it, or as somebody has chosen.

const KEY = 'pea2pea-inspector-theme';
const system = matchMedia('(prefers-color-scheme: light)');
const listeners = new Set();

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing
  }
}

let chosen = stored();

export function currentTheme() {
  return chosen ?? (system.matches ? 'light' : 'dark');
}

function apply() {
  document.documentElement.dataset.theme = currentTheme();
  for (const listener of listeners) listener();
}

export function toggleTheme() {
  chosen = currentTheme() === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // Then it lasts as long as the page.
  }
  apply();
}

/** Calls `listener` whenever colours are other ones; returns how to end that. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A colour of the style sheet, by the name of its variable. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

system.addEventListener('change', apply);
apply();
