/** The receivers: how each port does, and starting and stopping it. */

import { ask, order } from '../api.js';
import { make, setText } from '../dom.js';
import { decimal, NOTHING } from '../format.js';
import { hasWord, t } from '../i18n.js';
import * as dialog from './dialog.js';
import { addHead, button, Cells, nameButton, Rows } from './rows.js';
import { Section } from './section.js';

/** @typedef {Record<string, any>} Receiver */

const COLUMNS = ['state', 'name', 'kind', 'port', 'connections', 'counters', 'actions'];

/** @param {Receiver} receiver @returns {'open' | 'closed' | 'fault' | 'opening' | 'closing' | 'off'} */
export function stateOf(receiver) {
  const wanted = receiver.activo && receiver.tipo_activo;
  if (receiver.error) return 'fault';
  if (receiver.abierto) return wanted ? 'open' : 'closing';
  if (wanted) return 'opening';
  return receiver.activo ? 'off' : 'closed';
}

/** @param {Receiver} receiver @returns {string[]} */
function counters(receiver) {
  if (!receiver.contadores) return [];
  const lines = [t('receivers.accepted', { count: decimal(receiver.contadores.aceptadas, 0) })];
  for (const [limit, count] of Object.entries(receiver.contadores.por_limite)) {
    const key = hasWord(`limit.${limit}`) ? `limit.${limit}` : 'limit.other';
    lines.push(t(key, { limit, count: decimal(Number(count), 0) }));
  }
  return lines;
}

/** What is special about it. @param {Receiver} receiver @returns {string[]} */
function remarks(receiver) {
  const advanced = receiver.configuracion_avanzada ?? {};
  const rule = advanced.desconocidos ? [t('receivers.unknown', { rule: String(advanced.desconocidos) })] : [];
  return advanced.otros_protocolos === true ? [...rule, t('receivers.others')] : rule;
}

/** A line for each text, unless they are there already. @param {HTMLElement} box @param {string[]} texts */
function showLines(box, texts) {
  if (box.textContent === texts.join('')) return;
  box.replaceChildren(...texts.map((text) => make('div', '', text)));
}

/** @param {Receiver} receiver */
function portText(receiver) {
  return `${receiver.protocolo} ${receiver.puerto_usado}`;
}

class ReceiverLine {
  /** @param {() => void} onDone @param {(error: unknown) => void} onRefused */
  constructor(onDone, onRefused) {
    this._onDone = onDone;
    this._cells = new Cells('receivers', COLUMNS);
    this._state = make('span', 'state');
    this._fault = make('div', 'fault');
    this._name = make('strong');
    this._remarks = make('div', 'soft');
    this._port = make('div');
    this._moved = make('div', 'soft');
    this._start = button('main-button', () => this._order('iniciar').catch(onRefused));
    this._stop = button('', () => this._confirm('stop', 'detener'));
    this._restart = button('', () => this._confirm('restart', 'reiniciar'));
    const { state, name, port, actions } = this._cells.of;
    state.append(this._state, this._fault);
    name.append(this._name, this._remarks);
    port.append(this._port, this._moved);
    actions.append(make('div', 'buttons', this._start, this._restart, this._stop));
    this.element = make('tbody', '', this._cells.row);
  }

  /** @param {Receiver} receiver */
  show(receiver) {
    this._receiver = receiver;
    const state = stateOf(receiver);
    this.element.dataset.state = state;
    this.element.dataset.receiver = receiver.nombre;
    setText(this._state, t(`receivers.state.${state}`));
    setText(this._fault, receiver.error);
    setText(this._name, receiver.nombre);
    showLines(this._remarks, remarks(receiver));
    setText(this._port, portText(receiver));
    setText(this._moved, receiver.puerto === receiver.puerto_usado ? '' : t('receivers.moved', { port: receiver.puerto }));
    showLines(this._cells.of.counters, counters(receiver));
    this._cells.show({ kind: receiver.tipo, connections: receiver.conexiones === null ? NOTHING : decimal(receiver.conexiones, 0) });
    this._showButtons(receiver, state);
  }

  /** @param {Receiver} receiver @param {string} state */
  _showButtons(receiver, state) {
    this._start.hidden = receiver.activo && state !== 'fault';
    this._stop.hidden = !receiver.activo;
    this._restart.hidden = !receiver.activo || state === 'off';
    nameButton(this._start, t(state === 'fault' ? 'receivers.retry' : 'receivers.start'), receiver.nombre);
    nameButton(this._stop, t('receivers.stop'), receiver.nombre);
    nameButton(this._restart, t('receivers.restart'), receiver.nombre);
  }

  /** @param {'stop' | 'restart'} what @param {string} path */
  _confirm(what, path) {
    const { nombre: name, conexiones: count } = this._receiver ?? {};
    dialog.ask({
      title: t(`receivers.${what}.ask`, { name }),
      text: t(`receivers.${what}.text`, { count: count ?? NOTHING }),
      action: t(`receivers.${what}`),
      danger: true,
      perform: () => this._order(path),
    });
  }

  /** @param {string} path */
  async _order(path) {
    await order(`receptores/${this._receiver?.id}/${path}`, {});
    this._onDone();
  }
}

/** @param {() => void} onDone something was ordered @param {(error: unknown) => void} onRefused */
export function createReceivers(onDone, onRefused) {
  addHead('receivers', COLUMNS);
  /** @type {Rows<Receiver>} */
  const rows = new Rows('receivers', (receiver) => receiver.id, () => new ReceiverLine(onDone, onRefused));
  return new Section('receivers', () => ask('receptores/'), (answer) => rows.show(answer.receptores));
}
