/** One line of the list. Rows are used again for other vehicles while the list scrolls. */

import { now } from './clock.js';
import { kindOf } from './colours.js';
import { make, setText } from './dom.js';
import * as format from './format.js';
import { t } from './i18n.js';

/** In CSS pixels, as in the style sheet. */
export const ROW_HEIGHT = 58;

export class Row {
  constructor() {
    this._name = make('span', 'row-name');
    this._speed = make('span', 'row-speed');
    this._kind = make('span', 'row-kind');
    this._age = make('span', 'row-age');
    this.element = make('div', 'row', make('span', 'dot'), this._name, this._speed, this._kind, this._age);
    this.element.setAttribute('role', 'option');
    this._index = -1;
  }

  /**
   * @param {import('./vehicle.js').Vehicle} vehicle
   * @param {number} index
   * @param {{total: number, selected: number | null, active: number | null}} list
   */
  show(vehicle, index, list) {
    const kind = kindOf(vehicle);
    setText(this._name, format.nameOf(vehicle));
    setText(this._speed, format.speed(vehicle.velocidad));
    setText(this._kind, vehicle.lat === null ? t('vehicle.unplaced') : t(`kind.${kind}`));
    setText(this._age, format.age(vehicle.fixedAt, now()));
    this._mark({ vehicleId: String(vehicle.id), kind, active: String(vehicle.id === list.active) });
    this._place(vehicle.id, index, list.total);
    this.element.ariaSelected = String(vehicle.id === list.selected);
  }

  /** @param {Record<string, string>} data */
  _mark(data) {
    const { dataset } = this.element;
    for (const [name, value] of Object.entries(data)) if (dataset[name] !== value) dataset[name] = value;
  }

  /** @param {number} id @param {number} index @param {number} total */
  _place(id, index, total) {
    this.element.id = rowId(id);
    this.element.ariaSetSize = String(total);
    if (index === this._index) return;
    this._index = index;
    this.element.ariaPosInSet = String(index + 1);
    this.element.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
  }
}

/** @param {number} id */
export function rowId(id) {
  return `vehicle-row-${id}`;
}
