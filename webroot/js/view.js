/** From the unit square to the pixels of a canvas. Pure. */

import { unitX, unitY } from './mercator.js';

/**
 * @typedef {object} View what a canvas shows
 * @property {number} zoom
 * @property {number} world side of the world in pixels
 * @property {number} left of the canvas, in world pixels
 * @property {number} top
 * @property {number} width of the canvas in CSS pixels
 * @property {number} height
 * @property {number} ratio device pixels per CSS pixel
 * @property {{x: number, y: number}} corner of the canvas among the layers of the map
 * @property {number} marginX of the canvas beyond the map
 * @property {number} marginY
 */

/**
 * Of the copies of the world, the one that is nearest to the middle of the view.
 * @param {View} view
 * @param {number} x on the unit square
 */
export function canvasX(view, x) {
  const middle = (view.left + view.width / 2) / view.world;
  return (x + Math.round(middle - x)) * view.world - view.left;
}

/** @param {View} view @param {number} y on the unit square */
export function canvasY(view, y) {
  return y * view.world - view.top;
}

/** @param {View} view @param {number} lat @param {number} lon */
export function canvasPoint(view, lat, lon) {
  return { x: canvasX(view, unitX(lon)), y: canvasY(view, unitY(lat)) };
}
