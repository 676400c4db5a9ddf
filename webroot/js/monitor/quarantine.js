/** The devices that wait for somebody to adopt or discard them. */

import { ask, order, remove } from '../api.js';
import { now } from '../clock.js';
import { byId, make, setText } from '../dom.js';
import * as format from '../format.js';
import { t } from '../i18n.js';
import { placeLink } from '../place.js';
import { toast } from '../toasts.js';
import { parseTime } from '../vehicle.js';
import * as dialog from './dialog.js';
import { Messages } from './messages.js';
import { addHead, button, Cells, nameButton, Rows } from './rows.js';
import { Section } from './section.js';

/** @typedef {Record<string, any>} Device */

const COLUMNS = ['device', 'protocol', 'receiver', 'from', 'messages', 'seen', 'place', 'actions'];
const MOST = 200;
const LONGEST_PLATE = 20;

class DeviceLine {
  /** @param {Device} device @param {() => void} onDone */
  constructor(device, onDone) {
    this._device = device;
    this._onDone = onDone;
    this._cells = new Cells('quarantine', COLUMNS);
    this._where = make('a', 'place');
    this._nowhere = make('span', 'soft');
    this._adopt = button('main-button', () => this._askAdopt());
    this._discard = button('', () => this._askDiscard());
    this._messages = new Messages(device.imei, COLUMNS.length);
    const { place, actions } = this._cells.of;
    place.append(this._where, this._nowhere);
    actions.append(make('div', 'buttons', this._adopt, this._discard, this._messages.button));
    this.element = make('tbody', '', this._cells.row, this._messages.row);
    this.element.dataset.device = device.imei;
  }

  /** @param {Device} device */
  show(device) {
    this._device = device;
    const seen = parseTime(device.ultima_vez);
    this._cells.show({
      device: device.imei, protocol: device.protocolo, receiver: device.receptor, from: device.origen,
      messages: this._count(), seen: format.age(seen, now()),
    });
    this._cells.of.seen.title = format.dateTime(seen);
    this._showPlace(device.ultimo_lat, device.ultimo_lon);
    nameButton(this._adopt, t('quarantine.adopt'), device.imei);
    nameButton(this._discard, t('quarantine.discard'), device.imei);
    this._messages.translate();
  }

  _count() {
    const { mensajes, sin_lugar: refused } = this._device;
    const count = format.decimal(mensajes, 0);
    return refused ? `${count}, ${t('quarantine.noRoom', { count: format.decimal(refused, 0) })}` : count;
  }

  /** @param {number | null} lat @param {number | null} lon */
  _showPlace(lat, lon) {
    const known = lat !== null && lon !== null;
    this._where.hidden = !known;
    setText(this._nowhere, known ? '' : t('quarantine.noPlace'));
    if (!known) return;
    const place = format.position(lat, lon);
    this._where.href = placeLink(lat, lon);
    setText(this._where, place);
    this._where.title = t('quarantine.onMap', { place });
  }

  _askAdopt() {
    const { imei: device, protocolo: protocol, receptor: receiver, origen: from } = this._device;
    dialog.ask({
      title: t('quarantine.adopt.ask', { device }),
      text: t('quarantine.adopt.text', { protocol, receiver, from }),
      action: t('quarantine.adopt'),
      field: { name: t('quarantine.plate'), longest: LONGEST_PLATE },
      perform: (plate) => this._adoptAs(plate),
    });
  }

  /** @param {string} plate */
  async _adoptAs(plate) {
    const { imei: device } = this._device;
    const answer = await order(`cuarentena/${encodeURIComponent(device)}/adoptar`, plate ? { patente: plate } : {});
    toast(t('quarantine.adopted'), t('quarantine.adopted.text', { device, name: plate || answer.movil_id }));
    this._onDone();
  }

  _askDiscard() {
    const { imei: device, mensajes: count } = this._device;
    dialog.ask({
      title: t('quarantine.discard.ask', { device }),
      text: t('quarantine.discard.text', { count }),
      action: t('quarantine.discard'),
      danger: true,
      perform: async () => {
        await remove(`cuarentena/${encodeURIComponent(device)}`);
        this._onDone();
      },
    });
  }
}

/** Those that came last are above; an order by what was seen last would move them under the pointer. @param {Device[]} devices */
function ordered(devices) {
  const since = (/** @type {Device} */ device) => parseTime(device.primera_vez) ?? 0;
  return [...devices].sort((one, other) => since(other) - since(one) || (one.imei < other.imei ? -1 : 1));
}

/** @param {() => void} onDone a device was adopted or discarded */
export function createQuarantine(onDone) {
  addHead('quarantine', COLUMNS);
  /** @type {Rows<Device>} */
  const rows = new Rows('quarantine', (device) => device.imei, (device) => new DeviceLine(device, onDone));
  return new Section('quarantine', () => ask(`cuarentena/?limite=${MOST}`), ({ cuarentena: devices, total }) => {
    rows.show(ordered(devices), total);
    const some = byId('quarantine-some');
    some.hidden = total <= devices.length;
    setText(some, t('quarantine.some', { shown: devices.length }));
  });
}
