/** Ties the selection to everything that shows it: markers, trails, list, popup and the view of the map. */

import { oncePerFrame } from './dom.js';
import { loadHistory } from './history.js';
import { onLanguage } from './i18n.js';
import { centreOn } from './map.js';
import { VehiclePopup } from './popup.js';
import { Selection } from './selection.js';

/** @typedef {import('./store.js').VehicleStore} VehicleStore */
/** @typedef {import('./vehicle.js').Vehicle} Vehicle */
/** @typedef {{mark: (id: number | null) => void, map: any, store: VehicleStore}} Shown */

/**
 * @param {Shown} shown
 * @returns {Selection}
 */
export function createFocus(shown) {
  const { map, store } = shown;
  const popup = new VehiclePopup(map, { onClose: () => selection.clear(), onFollow: (on) => selection.follow(on) });
  const refresh = oncePerFrame(() => popup.refresh());
  const selection = new Selection(store, {
    chosen: (vehicle, fromList) => choose(shown, popup, vehicle, fromList),
    cleared: () => release(shown, popup),
    moved: (vehicle) => follow(map, vehicle),
    changed: refresh,
    following: (on) => popup.showFollowing(on),
  });
  store.subscribe((change) => {
    // What was driven while the connection was down is known to the server alone.
    const vehicle = change.reset && store.vehicles.get(selection.id ?? NaN);
    if (vehicle) loadHistory(store, vehicle);
  });
  onLanguage(() => popup.translate());
  setInterval(refresh, 1000);
  return selection;
}

/** @param {Shown} shown @param {VehiclePopup} popup @param {Vehicle} vehicle @param {boolean} fromList */
function choose(shown, popup, vehicle, fromList) {
  shown.mark(vehicle.id);
  loadHistory(shown.store, vehicle);
  if (vehicle.lat === null) {
    popup.hide();
    return;
  }
  if (fromList) centreOn(shown.map, vehicle, true);
  popup.show(vehicle, !fromList);
}

/** @param {Shown} shown @param {VehiclePopup} popup */
function release(shown, popup) {
  shown.mark(null);
  popup.hide();
}

/** @param {any} map @param {Vehicle} vehicle */
function follow(map, vehicle) {
  if (vehicle.lat !== null) centreOn(map, vehicle, false);
}

/** People point at the map. @param {any} map @param {any} layer @param {Selection} selection */
export function bindPointer(map, layer, selection) {
  map.on('click', (/** @type {any} */ event) => {
    const vehicle = layer.at(event.containerPoint);
    if (vehicle) selection.choose(vehicle.id, false);
    else selection.clear();
  });
  map.on('mousemove', (/** @type {any} */ event) => {
    map.getContainer().classList.toggle('over-vehicle', layer.at(event.containerPoint) !== null);
  });
  // Whoever drags the map wants to look elsewhere.
  map.on('dragstart', () => selection.follow(false));
  document.addEventListener('keydown', (event) => event.key === 'Escape' && selection.clear());
}
