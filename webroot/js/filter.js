/** Which vehicles the list shows, and in which order. Pure. */

import { KINDS, kindOf } from './colours.js';

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */
/** @typedef {import('./colours.js').Kind} Kind */

const order = new Intl.Collator(undefined, { numeric: true });

/** "ab 123-cd" finds AB123CD. @param {string} text */
export function normalise(text) {
  return text.toUpperCase().normalize('NFD').replace(/[^\p{L}\p{N}]/gu, '');
}

/** @param {Vehicle} vehicle @param {string} query normalised @param {string} name */
export function matches(vehicle, query, name) {
  if (!query) return true;
  return normalise(name).includes(query) || (vehicle.imei ?? '').includes(query);
}

/**
 * @param {Iterable<Vehicle>} vehicles
 * @param {string} query as typed
 * @param {Kind | null} kind null for all
 * @param {(vehicle: Vehicle) => string} nameOf
 * @returns {Vehicle[]} by name
 */
export function select(vehicles, query, kind, nameOf) {
  const wanted = normalise(query);
  const named = [];
  for (const vehicle of vehicles) {
    const name = nameOf(vehicle);
    if ((!kind || kindOf(vehicle) === kind) && matches(vehicle, wanted, name)) named.push({ vehicle, name });
  }
  named.sort((a, b) => order.compare(a.name, b.name) || a.vehicle.id - b.vehicle.id);
  return named.map((entry) => entry.vehicle);
}

/** @param {Iterable<Vehicle>} vehicles @returns {Record<Kind, number>} */
export function countKinds(vehicles) {
  const counts = /** @type {Record<Kind, number>} */ (Object.fromEntries(KINDS.map((kind) => [kind, 0])));
  for (const vehicle of vehicles) counts[kindOf(vehicle)] += 1;
  return counts;
}
