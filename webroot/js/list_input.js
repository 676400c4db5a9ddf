/** Mouse and keyboard on the list. */

import { ROW_HEIGHT } from './row.js';

/** @typedef {import('./list.js').VehicleList} VehicleList */

/** @type {Record<string, (index: number, page: number, last: number) => number>} */
const MOVES = {
  ArrowDown: (index) => index + 1,
  ArrowUp: (index) => index - 1,
  PageDown: (index, page) => index + page,
  PageUp: (index, page) => index - page,
  Home: () => 0,
  End: (_index, _page, last) => last,
};

/** @param {HTMLElement} box @param {VehicleList} list @param {(id: number) => void} choose */
export function bindList(box, list, choose) {
  box.addEventListener('click', (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest('[data-vehicle-id]');
    if (!(row instanceof HTMLElement)) return;
    list.active = Number(row.dataset.vehicleId);
    choose(list.active);
  });
  box.addEventListener('keydown', (event) => onKey(event, box, list, choose));
  box.addEventListener('focus', () => startAt(list));
}

/** @param {KeyboardEvent} event @param {HTMLElement} box @param {VehicleList} list @param {(id: number) => void} choose */
function onKey(event, box, list, choose) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const page = Math.max(1, Math.floor(box.clientHeight / ROW_HEIGHT) - 1);
  if (event.key in MOVES) moveActive(list, (index, last) => MOVES[event.key](index, page, last));
  else if ((event.key === 'Enter' || event.key === ' ') && list.active !== null) choose(list.active);
  else return;
  event.preventDefault();
}

/** @param {VehicleList} list @param {(index: number, last: number) => number} move */
function moveActive(list, move) {
  const last = list.order.length - 1;
  if (last < 0) return;
  const index = list.order.findIndex((vehicle) => vehicle.id === list.active);
  list.active = list.order[Math.max(0, Math.min(last, move(index, last)))].id;
  list.reveal(list.active);
  list.paint();
}

/** The keyboard enters the list at the selected vehicle, or at the first. @param {VehicleList} list */
function startAt(list) {
  if (list.order.some((vehicle) => vehicle.id === list.active)) return;
  const selected = list.order.find((vehicle) => vehicle.id === list.selected);
  list.active = (selected ?? list.order[0])?.id ?? null;
  list.paint();
}
