/** Notices that stay until somebody has dismissed them. */

import { byId, make, setText } from './dom.js';
import { hasWord, t } from './i18n.js';

const MOST = 4;

/** @type {Map<string, {element: HTMLElement, count: HTMLElement, times: number}>} */
const shown = new Map();

/**
 * The same notice again only counts up: a sick server must not bury the map.
 * @param {string} title
 * @param {string} message
 */
export function toast(title, message) {
  const key = `${title}\n${message}`;
  const entry = shown.get(key);
  if (entry) {
    entry.times += 1;
    setText(entry.count, `×${entry.times}`);
    return;
  }
  shown.set(key, build(key, title, message));
  if (shown.size > MOST) dismiss(/** @type {string} */ (shown.keys().next().value));
}

/** @param {string} key @param {string} title @param {string} message */
function build(key, title, message) {
  const count = make('span', 'toast-count');
  const close = make('button', 'icon-button icon-close');
  close.type = 'button';
  close.dataset.i18nLabel = 'toast.close';
  close.setAttribute('aria-label', t('toast.close'));
  close.addEventListener('click', () => dismiss(key));
  const heading = make('strong', 'toast-title', title, ' ', count);
  const element = make('div', 'toast', make('div', 'toast-body', heading, make('p', '', message)), close);
  byId('toasts').append(element);
  return { element, count, times: 1 };
}

/** @param {string} key */
function dismiss(key) {
  shown.get(key)?.element.remove();
  shown.delete(key);
}

/** What a system_alert says, in the language of the page where it is one that this page knows. @param {string} type @param {string} message */
export function alertText(type, message) {
  return hasWord(`alert.${type}.text`) ? t(`alert.${type}.text`) : String(message ?? '');
}

/** An alert_type such as low_battery, as words. @param {string} type */
export function alertTitle(type) {
  if (hasWord(`alert.${type}`)) return t(`alert.${type}`);
  const words = String(type ?? '').replace(/[_-]+/g, ' ').trim();
  return words ? words[0].toUpperCase() + words.slice(1) : t('toast.alert');
}
