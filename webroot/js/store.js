/** All vehicles, and who wants to know about them. Pure. */

import { applyFix, applyMobile, unknownVehicle } from './vehicle.js';

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */
/** @typedef {{reset?: boolean, vehicle?: Vehicle, renamed?: boolean, moved?: boolean}} Change */

export class VehicleStore {
  constructor() {
    /** @type {Map<number, Vehicle>} */
    this.vehicles = new Map();
    /** @type {Set<(change: Change) => void>} */
    this._listeners = new Set();
  }

  /** @param {(change: Change) => void} listener */
  subscribe(listener) {
    this._listeners.add(listener);
  }

  /**
   * Everything anew, after each (re)connection. Known vehicles stay the same objects and keep their trails.
   * @param {Record<string, any>[]} mobiles
   */
  load(mobiles) {
    const gone = new Set(this.vehicles.keys());
    for (const mobile of mobiles) {
      gone.delete(mobile.id);
      applyMobile(this._get(mobile.id), mobile);
    }
    for (const id of gone) this.vehicles.delete(id);
    this._tell({ reset: true });
  }

  /** @param {number} id @param {Record<string, any>} data */
  fix(id, data) {
    const known = this.vehicles.get(id);
    const name = known?.patente;
    const vehicle = this._get(id);
    if (!applyFix(vehicle, data)) return;
    this._tell({ vehicle, moved: true, renamed: !known || name !== vehicle.patente });
  }

  /** @param {number} id @param {string} status */
  status(id, status) {
    const known = this.vehicles.has(id);
    const vehicle = this._get(id);
    vehicle.estado = status;
    this._tell({ vehicle, renamed: !known });
  }

  /** @param {number} id @param {{latitud: number, longitud: number, fecha_gps: string}[]} positions */
  history(id, positions) {
    const vehicle = this.vehicles.get(id);
    if (!vehicle) return;
    vehicle.trail.fill(positions);
    this._tell({ vehicle });
  }

  /** @returns {Vehicle[]} those that can be shown on a map */
  positioned() {
    return [...this.vehicles.values()].filter((vehicle) => vehicle.lat !== null && vehicle.lon !== null);
  }

  /** @param {number} id @returns {Vehicle} */
  _get(id) {
    let vehicle = this.vehicles.get(id);
    if (!vehicle) this.vehicles.set(id, (vehicle = unknownVehicle(id)));
    return vehicle;
  }

  /** @param {Change} change */
  _tell(change) {
    for (const listener of this._listeners) listener(change);
  }
}
