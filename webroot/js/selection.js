/** The one vehicle that people look at: what happens when it is chosen, moves, or is let go. */

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */
/** @typedef {import('./store.js').VehicleStore} VehicleStore */

/**
 * @typedef {object} Reactions
 * @property {(vehicle: Vehicle, fromList: boolean) => void} chosen
 * @property {() => void} cleared
 * @property {(vehicle: Vehicle) => void} moved the selected one, while it is followed
 * @property {(vehicle: Vehicle) => void} changed the selected one
 * @property {(on: boolean) => void} following
 */

export class Selection {
  /** @param {VehicleStore} store @param {Reactions} reactions */
  constructor(store, reactions) {
    this._store = store;
    this._reactions = reactions;
    /** @type {number | null} */
    this.id = null;
    this.follows = false;
    store.subscribe((change) => this._onChange(change));
  }

  /** @param {number} id @param {boolean} fromList */
  choose(id, fromList) {
    const vehicle = this._store.vehicles.get(id);
    if (!vehicle) return;
    if (this.id !== id) this.follow(false);
    this.id = id;
    this._reactions.chosen(vehicle, fromList);
  }

  clear() {
    if (this.id === null) return;
    this.follow(false);
    this.id = null;
    this._reactions.cleared();
  }

  /** @param {boolean} on */
  follow(on) {
    this.follows = on;
    this._reactions.following(on);
    const vehicle = this._store.vehicles.get(this.id ?? NaN);
    if (on && vehicle) this._reactions.moved(vehicle);
  }

  /** @param {import('./store.js').Change} change */
  _onChange(change) {
    if (this.id === null) return;
    const vehicle = this._store.vehicles.get(this.id);
    if (!vehicle) this.clear();
    else if (change.reset || change.vehicle === vehicle) this._changed(vehicle, Boolean(change.reset || change.moved));
  }

  /** @param {Vehicle} vehicle @param {boolean} moved */
  _changed(vehicle, moved) {
    this._reactions.changed(vehicle);
    if (this.follows && moved) this._reactions.moved(vehicle);
  }
}
