/** Whole plates under the markers, where there is room for them. */

import { nameOf } from './format.js';
import { canvasFont, themeColour } from './theme.js';

/** @typedef {import('./vehicle_layer.js').Spot} Spot */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */

const LONGEST = 14;
const HEIGHT = 14;
const BELOW = 22;
const BELOW_CHOSEN = 28;
const MARKER = 12;

/** @param {CanvasRenderingContext2D} context */
function prepare(context) {
  context.font = canvasFont(11, 600);
  context.textAlign = 'center';
  context.textBaseline = 'top';
  context.lineJoin = 'round';
  context.lineWidth = 3;
  context.strokeStyle = themeColour('map-back');
  context.fillStyle = themeColour('map-text');
}

/** @param {Spot} spot */
function textOf(spot) {
  const letters = [...nameOf(spot.vehicle)];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join('')}…` : letters.join('');
}

/** @param {Box} one @param {Box} other */
function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

/** @param {number} x @param {number} top @param {number} width @param {number} height @returns {Box} */
function boxAround(x, top, width, height) {
  return { left: x - width / 2, right: x + width / 2, top, bottom: top + height };
}

/**
 * A name that would cross a marker or another name is left out: half a plate is worse than none.
 * @param {CanvasRenderingContext2D} context
 * @param {Spot[]} spots
 * @param {number | null} selected
 */
export function drawNames(context, spots, selected) {
  prepare(context);
  const taken = spots.map(({ x, y }) => boxAround(x, y - MARKER, 2 * MARKER, 2 * MARKER));
  const chosenFirst = [...spots].sort((a, b) => Number(b.vehicle.id === selected) - Number(a.vehicle.id === selected));
  for (const spot of chosenFirst) {
    const chosen = spot.vehicle.id === selected;
    const text = textOf(spot);
    const top = spot.y + (chosen ? BELOW_CHOSEN : BELOW);
    const box = boxAround(spot.x, top, context.measureText(text).width + 4, HEIGHT);
    if (!chosen && taken.some((other) => overlap(box, other))) continue;
    taken.push(box);
    context.strokeText(text, spot.x, top);
    context.fillText(text, spot.x, top);
  }
}
