/** What no vendor recognises, in hex and as text, with whose it may be. */

import { ask } from '../api.js';
import { now } from '../clock.js';
import { make, setText } from '../dom.js';
import { age, dateTime, decimal, percent } from '../format.js';
import { t } from '../i18n.js';
import { parseTime } from '../vehicle.js';
import { asText, spaced } from './bytes.js';
import { button, Rows } from './rows.js';
import { Section } from './section.js';

/** @typedef {{id: number, fecha: string, veces: number, receptor: string, protocolo: string, origen: string, datos: string,
 *   candidatos: {protocolo: string, puntaje: number}[]}} Stranger */

const MOST = 20;
/** Bytes that are shown of each until more are wanted. */
const FIRST = 128;

/** @param {Stranger['candidatos']} candidates */
function likely(candidates) {
  const named = candidates.map(({ protocolo, puntaje }) => `${protocolo} ${percent(100 * puntaje)}`);
  return named.join(', ') || t('strangers.nobody');
}

class StrangerLine {
  constructor() {
    this._host = make('strong');
    this._head = make('span', 'soft');
    this._likely = make('span');
    this._may = make('span', 'soft');
    this._hex = make('code', 'bytes');
    this._text = make('code', 'bytes');
    this._labels = { hex: make('div', 'soft'), text: make('div', 'soft') };
    this._more = button('', () => this._toggle());
    this._more.ariaExpanded = 'false';
    const head = make('div', 'entry-head', this._host, this._head);
    const shown = make('div', 'pair', make('div', '', this._labels.hex, this._hex), make('div', '', this._labels.text, this._text));
    this.element = make('li', 'entry', head, make('div', '', this._may, ' ', this._likely), shown, this._more);
  }

  /** @param {Stranger} stranger */
  show(stranger) {
    this._stranger = stranger;
    const time = parseTime(stranger.fecha);
    setText(this._host, stranger.origen);
    const times = stranger.veces > 1 ? [t('strangers.times', { count: decimal(stranger.veces, 0) })] : [];
    setText(this._head, [`${stranger.receptor} (${stranger.protocolo})`, ...times, age(time, now())].join(' · '));
    this._head.title = dateTime(time);
    setText(this._may, `${t('strangers.candidates')}:`);
    setText(this._likely, likely(stranger.candidatos));
    setText(this._labels.hex, t('strangers.hex'));
    setText(this._labels.text, t('strangers.text'));
    this._showBytes(stranger.datos);
  }

  /** @param {string} hex */
  _showBytes(hex) {
    const all = this._more.ariaExpanded === 'true';
    const shown = all ? hex : hex.slice(0, 2 * FIRST);
    setText(this._hex, spaced(shown));
    setText(this._text, asText(shown));
    this._more.hidden = hex.length <= 2 * FIRST;
    setText(this._more, all ? t('strangers.less') : t('strangers.more', { count: decimal(hex.length / 2, 0) }));
  }

  _toggle() {
    this._more.ariaExpanded = String(this._more.ariaExpanded !== 'true');
    if (this._stranger) this.show(this._stranger);
  }
}

export function createStrangers() {
  /** @type {Rows<Stranger>} */
  const rows = new Rows('strangers', (stranger) => stranger.id, () => new StrangerLine());
  return new Section('strangers', () => ask(`cuarentena/bytes?limite=${MOST}`), (answer) => rows.show(answer.bytes_desconocidos));
}
