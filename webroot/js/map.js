/** The map: its background, its tools and where it looks. */

import { safeAttribution } from './attribution.js';
import { prefersStillness } from './dom.js';
import { GridLayer } from './grid_layer.js';
import { themeColour } from './theme.js';

const L = /** @type {any} */ (window).L;

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */

// The place and scale to show while nothing is known of any vehicle.
const START = { centre: [-34.6037, -58.3816], zoom: 10 };
const CLOSEST_FIT = 15;
const CLOSE_LOOK = 14;
const MAX_ZOOM = 19;

// Room for the popup above a vehicle in the middle of the map.
const ROOM_ABOVE = 120;

/** @param {HTMLElement} element */
export function createMap(element) {
  const still = prefersStillness();
  const map = L.map(element, {
    zoomControl: false, worldCopyJump: true, maxZoom: MAX_ZOOM, minZoom: 2,
    zoomAnimation: !still, fadeAnimation: !still, inertia: !still,
  });
  map.attributionControl.setPrefix('<a href="https://leafletjs.com" rel="noopener" target="_blank">Leaflet</a>');
  map.setView(START.centre, START.zoom);
  L.control.scale({ imperial: false, position: 'bottomleft' }).addTo(map);
  new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(element);
  return map;
}

/** Below the tiles when there are some, so that an unreachable tile server leaves a usable map. @param {any} map */
export function addGrid(map) {
  return new GridLayer().addTo(map);
}

/** @param {any} map @param {{url: string, attribution: string}} tiles */
export function addTiles(map, tiles) {
  if (!tiles.url) return;
  const attribution = safeAttribution(tiles.attribution);
  // Public tile servers want to know which site asks; the path is none of their business.
  const referrerPolicy = 'strict-origin-when-cross-origin';
  L.tileLayer(tiles.url, { attribution, referrerPolicy, maxZoom: MAX_ZOOM }).addTo(map);
}

/** @param {any} map @param {Vehicle[]} vehicles that have a position @param {boolean} animate */
export function fitVehicles(map, vehicles, animate) {
  if (!vehicles.length) return;
  const bounds = L.latLngBounds(vehicles.map((vehicle) => [vehicle.lat, vehicle.lon]));
  const sheet = window.matchMedia('(max-width: 47.99em)').matches;
  map.fitBounds(bounds, {
    paddingTopLeft: [40, 50], paddingBottomRight: [40, sheet ? 110 : 50],
    maxZoom: CLOSEST_FIT, animate: animate && !prefersStillness(),
  });
}

/** @param {any} map @param {Vehicle} vehicle @param {boolean} closer */
export function centreOn(map, vehicle, closer) {
  const zoom = closer ? Math.max(map.getZoom(), CLOSE_LOOK) : map.getZoom();
  const above = Math.min(ROOM_ABOVE, map.getSize().y / 4);
  const point = map.project([vehicle.lat, vehicle.lon], zoom).subtract([0, above]);
  map.setView(map.unproject(point, zoom), zoom, { animate: !prefersStillness() });
}

/** A place where no vehicle is known: marked, so that it is found again. @param {any} map @param {[number, number]} place */
export function lookAt(map, place) {
  map.setView(place, CLOSEST_FIT, { animate: false });
  L.circleMarker(place, { radius: 16, weight: 3, color: themeColour('accent'), interactive: false }).addTo(map);
}

/** @param {any} map @param {(name: string) => HTMLElement} button @param {() => void} onFit */
export function bindTools(map, button, onFit) {
  button('zoom-in').addEventListener('click', () => map.zoomIn());
  button('zoom-out').addEventListener('click', () => map.zoomOut());
  button('fit').addEventListener('click', onFit);
}
