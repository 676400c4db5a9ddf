/** What the server has said of itself since the page was opened, the newest first. */

import { now } from '../clock.js';
import { byId, make, setText } from '../dom.js';
import { dateTime } from '../format.js';
import { onLanguage } from '../i18n.js';
import { alertText, alertTitle } from '../toasts.js';

const MOST = 50;

/** @type {{time: number, type: string, message: string}[]} */
const alerts = [];

/** @param {string} type @param {string} message */
export function addAlert(type, message) {
  alerts.unshift({ time: now(), type, message });
  alerts.length = Math.min(alerts.length, MOST);
  byId('alerts').prepend(entry(alerts[0]));
  while (byId('alerts').childElementCount > MOST) byId('alerts').lastElementChild?.remove();
  byId('alerts-empty').hidden = true;
  setText(byId('alerts-count'), String(alerts.length));
}

/** @param {{time: number, type: string, message: string}} alert */
function entry({ time, type, message }) {
  const head = make('div', 'entry-head', make('strong', '', alertTitle(type)), make('span', 'soft', dateTime(time)));
  return make('li', 'entry', head, make('div', '', alertText(type, message)));
}

export function bindAlerts() {
  onLanguage(() => byId('alerts').replaceChildren(...alerts.map(entry)));
}
