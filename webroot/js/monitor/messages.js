/** What one device in quarantine has sent, asked for when somebody wants to see it. */

import { ask } from '../api.js';
import { make } from '../dom.js';
import { dateTime } from '../format.js';
import { t } from '../i18n.js';
import { parseTime } from '../vehicle.js';
import { asText, spaced } from './bytes.js';
import { problemText } from './problem.js';
import { button, nameButton } from './rows.js';

const MOST = 20;

/** @typedef {{id: number, fecha_recepcion: string, fixes: number, mensaje: string}} Message */

export class Messages {
  /** @param {string} device @param {number} columns of the table */
  constructor(device, columns) {
    this._device = device;
    this._box = make('div', 'messages');
    const cell = make('td', '', this._box);
    cell.colSpan = columns;
    this.row = make('tr', 'detail', cell);
    this.row.hidden = true;
    this.button = button('', () => this._toggle());
    this.button.ariaExpanded = 'false';
    /** @type {Message[] | null} */
    this._messages = null;
  }

  translate() {
    nameButton(this.button, t('quarantine.show'), this._device);
    if (!this.row.hidden && this._messages) this._show(this._messages);
  }

  async _toggle() {
    this.row.hidden = !this.row.hidden;
    this.button.ariaExpanded = String(!this.row.hidden);
    if (this.row.hidden) return;
    try {
      const answer = await ask(`cuarentena/${encodeURIComponent(this._device)}/mensajes?limite=${MOST}`);
      this._messages = answer.mensajes;
      this._show(answer.mensajes);
    } catch (error) {
      this._messages = null;
      const problem = make('p', 'problem', problemText(error));
      problem.setAttribute('role', 'alert');
      this._box.replaceChildren(problem);
    }
  }

  /** @param {Message[]} messages */
  _show(messages) {
    const title = messages.length ? t('quarantine.newest', { device: this._device }) : t('quarantine.none');
    const shown = [title, ...messages.map((message) => message.id)].join(' ');
    if (this._box.dataset.shown === shown) return;
    this._box.dataset.shown = shown;
    this._box.replaceChildren(make('p', 'soft', title), ...messages.map(entry));
  }
}

/** @param {Message} message */
function entry(message) {
  const head = `${dateTime(parseTime(message.fecha_recepcion))} · ${t('quarantine.fixes', { count: message.fixes })}`;
  return make('div', 'message', make('div', 'soft', head), make('code', 'bytes', spaced(message.mensaje)), make('code', 'bytes', asText(message.mensaje)));
}
