/** The list of vehicles: only the rows in view (and some more) exist, however many vehicles there are. */

import { oncePerFrame } from './dom.js';
import { select } from './filter.js';
import { nameOf } from './format.js';
import { ROW_HEIGHT, Row, rowId } from './row.js';

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */

const SPARE_ROWS = 25;

export class VehicleList {
  /**
   * @param {HTMLElement} box scrolls
   * @param {HTMLElement} space as high as all rows together
   * @param {Map<number, Vehicle>} vehicles
   */
  constructor(box, space, vehicles) {
    this._box = box;
    this._space = space;
    this._vehicles = vehicles;
    /** @type {Vehicle[]} */
    this.order = [];
    /** @type {Map<number, Row>} */
    this._rows = new Map();
    /** @type {Row[]} */
    this._unused = [];
    this.query = '';
    /** @type {import('./colours.js').Kind | null} */
    this.kind = null;
    /** @type {number | null} */
    this.selected = null;
    /** @type {number | null} where the keyboard is */
    this.active = null;
    this.paint = oncePerFrame(() => this._paint());
    box.addEventListener('scroll', this.paint, { passive: true });
    new ResizeObserver(this.paint).observe(box);
  }

  /** Names came or went, or other ones are wanted. */
  relist() {
    this.order = select(this._vehicles.values(), this.query, this.kind, nameOf);
    this._space.style.height = `${this.order.length * ROW_HEIGHT}px`;
    this.paint();
  }

  /** @param {number} id @param {boolean} [centre] */
  reveal(id, centre = false) {
    const index = this.order.findIndex((vehicle) => vehicle.id === id);
    if (index < 0) return;
    const top = index * ROW_HEIGHT;
    const room = this._box.clientHeight - ROW_HEIGHT;
    const { scrollTop } = this._box;
    if (top >= scrollTop && top <= scrollTop + room) return;
    if (centre) this._box.scrollTop = top - room / 2;
    else this._box.scrollTop = top < scrollTop ? top : top - room;
  }

  _paint() {
    const { scrollTop, clientHeight } = this._box;
    const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - SPARE_ROWS);
    const last = Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + SPARE_ROWS;
    const shown = this.order.slice(first, last);
    this._release(new Set(shown.map((vehicle) => vehicle.id)));
    const list = { total: this.order.length, selected: this.selected, active: this.active };
    shown.forEach((vehicle, offset) => this._row(vehicle.id).show(vehicle, first + offset, list));
    this._box.setAttribute('aria-activedescendant', this._rows.has(this.active ?? NaN) ? rowId(this.active ?? 0) : '');
  }

  /** @param {Set<number>} kept */
  _release(kept) {
    for (const [id, row] of this._rows) {
      if (kept.has(id)) continue;
      this._rows.delete(id);
      this._unused.push(row);
      row.element.remove();
    }
  }

  /** @param {number} id @returns {Row} */
  _row(id) {
    let row = this._rows.get(id);
    if (row) return row;
    row = this._unused.pop() ?? new Row();
    this._rows.set(id, row);
    this._space.append(row.element);
    return row;
  }
}
