/** The popup of the selected vehicle: stays with it and up to date. */

import { VehicleCard } from './card.js';

const L = /** @type {any} */ (window).L;

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */

const WIDTH = 300;
const FIXED = { closeButton: false, autoClose: false, closeOnClick: false, minWidth: WIDTH, maxWidth: WIDTH };

// Above the ring of the selected marker, and clear of the tools of the map.
const PLACE = { offset: [0, -20], autoPanPaddingTopLeft: [16, 16], autoPanPaddingBottomRight: [64, 96] };
const LEAST_MARGIN = 70;

export class VehiclePopup {
  /**
   * @param {any} map
   * @param {{onClose: () => void, onFollow: (on: boolean) => void}} told
   */
  constructor(map, told) {
    this._map = map;
    /** @type {Vehicle | null} */
    this._vehicle = null;
    this._card = new VehicleCard(told);
    this._popup = L.popup({ ...FIXED, ...PLACE }).setContent(this._card.element);
    // Leaflet closes it on Escape, too.
    map.on('popupclose', () => this._vehicle && told.onClose());
  }

  /** @param {Vehicle} vehicle @param {boolean} pan whether the map may move to show all of the popup */
  show(vehicle, pan) {
    this._vehicle = vehicle;
    this.translate();
    Object.assign(this._popup.options, { autoPan: pan, maxHeight: this._map.getSize().y - LEAST_MARGIN });
    this._popup.setLatLng([vehicle.lat, vehicle.lon]).openOn(this._map);
    // From here on the vehicle may drive out of view: only people move the map.
    this._popup.options.autoPan = false;
  }

  hide() {
    this._vehicle = null;
    this._map.closePopup(this._popup);
  }

  translate() {
    this._card.translate();
    this.refresh();
  }

  /** @param {boolean} on */
  showFollowing(on) {
    this._card.follow(on);
  }

  refresh() {
    const vehicle = this._vehicle;
    if (!vehicle) return;
    this._card.show(vehicle);
    if (vehicle.lat !== null && this._popup.isOpen()) this._popup.setLatLng([vehicle.lat, vehicle.lon]);
  }
}
