/** The colours of the style sheet, for what is drawn on a canvas. */

const dark = window.matchMedia('(prefers-color-scheme: dark)');

/** @param {string} name of a custom property, without the dashes */
export function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** @param {() => void} listener */
export function onTheme(listener) {
  dark.addEventListener('change', listener);
}

/** The font of the page at a size, as a canvas wants it. @param {number} size @param {number} weight */
export function canvasFont(size, weight = 400) {
  return `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
}
