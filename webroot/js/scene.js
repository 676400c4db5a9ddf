/** The map with its layers and the panel beside it. */

import { byId } from './dom.js';
import { bindPointer, createFocus } from './focus.js';
import { onLanguage } from './i18n.js';
import { addGrid, addTiles, bindTools, createMap, fitVehicles, lookAt } from './map.js';
import { Panel, Sheet } from './panel.js';
import { onTheme } from './theme.js';
import { TrailLayer } from './trail_layer.js';
import { VehicleLayer } from './vehicle_layer.js';

/** @typedef {import('./store.js').VehicleStore} VehicleStore */

/** @param {VehicleStore} store */
export function createScene(store) {
  const map = createMap(byId('map'));
  const grid = addGrid(map);
  const trails = new TrailLayer(store.vehicles).addTo(map);
  const vehicles = new VehicleLayer(store.vehicles).addTo(map);
  bindPanel(store, map, trails, vehicles);
  redrawOnChange(store, [grid, trails, vehicles]);
  const look = fitOnce(store, map);
  bindTools(map, byId, () => fitVehicles(map, store.positioned(), true));
  bindTrails(trails);
  return {
    map,
    look,
    addTiles: (/** @type {{url: string, attribution: string}} */ tiles) => addTiles(map, tiles),
    screenPosition: (/** @type {number} */ id) => screenPosition(store, vehicles, id),
  };
}

/** @param {VehicleStore} store @param {any} map @param {any} trails @param {any} vehicles */
function bindPanel(store, map, trails, vehicles) {
  const sheet = new Sheet();
  const panel = new Panel(store, (id) => {
    sheet.open(false);
    selection.choose(id, true);
  });
  const mark = (/** @type {number | null} */ id) => {
    for (const layer of [trails, vehicles]) layer.select(id);
    panel.select(id);
  };
  const selection = createFocus({ mark, map, store });
  bindPointer(map, vehicles, selection);
}

/** @param {VehicleStore} store @param {any[]} layers */
function redrawOnChange(store, layers) {
  const [, trails, vehicles] = layers;
  const all = () => layers.forEach((layer) => layer.invalidate());
  store.subscribe(() => {
    vehicles.changed();
    trails.grown();
  });
  onTheme(all);
  onLanguage(all);
}

/**
 * The first vehicles that are known decide where the map looks, unless it looks somewhere already; after that, people do.
 * @param {VehicleStore} store
 * @param {any} map
 */
function fitOnce(store, map) {
  let fitted = false;
  store.subscribe(() => {
    if (fitted) return;
    const placed = store.positioned();
    fitted = placed.length > 0;
    fitVehicles(map, placed, false);
  });
  return (/** @type {[number, number]} */ place) => {
    fitted = true;
    lookAt(map, place);
  };
}

/** @param {any} trails */
function bindTrails(trails) {
  const button = byId('trails');
  button.addEventListener('click', () => {
    trails.all = !trails.all;
    button.ariaPressed = String(trails.all);
    trails.invalidate();
  });
}

/** @param {VehicleStore} store @param {any} layer @param {number} id */
function screenPosition(store, layer, id) {
  const vehicle = store.vehicles.get(id);
  return vehicle ? layer.screenPosition(vehicle) : null;
}
