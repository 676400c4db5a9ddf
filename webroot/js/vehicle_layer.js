/** All vehicles on one canvas. */

import { CanvasLayer } from './canvas_layer.js';
import { COLOURS, kindOf } from './colours.js';
import { initialsOf } from './format.js';
import { drawNames } from './names.js';
import { NORMAL, SMALL, Sprites } from './sprites.js';
import { themeColour } from './theme.js';
import { canvasPoint, canvasX, canvasY } from './view.js';

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */
/** @typedef {import('./view.js').View} View */
/** @typedef {{vehicle: Vehicle, x: number, y: number}} Spot */

// Above this many in view letters are a blur, below that many there is room for whole plates.
const CROWD = 1200;
const FEW = 40;
const EDGE = 40;

export const VehicleLayer = CanvasLayer.extend({
  options: { className: 'vehicle-canvas', pane: 'markerPane' },

  /** @param {Map<number, Vehicle>} vehicles */
  initialize(vehicles) {
    this._vehicles = vehicles;
    this._sprites = new Sprites();
    /** @type {Spot[]} */
    this._spots = [];
    /** @type {number | null} */
    this.selected = null;
  },

  /** @param {number | null} id */
  select(id) {
    this.selected = id;
    this.invalidate();
  },

  /** @param {CanvasRenderingContext2D} context @param {View} view */
  draw(context, view) {
    this._sprites.useRatio(view.ratio);
    this._spots = visibleSpots(this._vehicles.values(), view);
    this._shape = this._spots.length > CROWD ? SMALL : NORMAL;
    if (this._spots.length <= FEW) drawNames(context, this._spots, this.selected);
    // Markers are copied pixel by pixel: between pixels they would be blurred, and take three times as long.
    context.setTransform(1, 0, 0, 1, 0, 0);
    let chosen = null;
    for (const spot of this._spots) {
      if (spot.vehicle.id === this.selected) chosen = spot;
      else this._drawMarker(context, spot, this._shape);
    }
    if (chosen) this._drawChosen(context, chosen);
  },

  /** @param {CanvasRenderingContext2D} context @param {Spot} spot @param {import('./sprites.js').Shape} shape */
  _drawMarker(context, spot, shape) {
    const { vehicle } = spot;
    const kind = kindOf(vehicle);
    context.globalAlpha = kind === 'offline' && vehicle.id !== this.selected ? 0.6 : 1;
    const points = (vehicle.velocidad ?? 0) > 0 && vehicle.rumbo !== null;
    const colour = COLOURS[kind];
    const { ratio } = this._view;
    stamp(context, this._sprites.marker(colour, shape, points ? vehicle.rumbo : null), spot, ratio);
    if (shape === NORMAL) stamp(context, this._sprites.label(initialsOf(vehicle)), spot, ratio);
    context.globalAlpha = 1;
  },

  /** On top of all others, and always with its letters. @param {CanvasRenderingContext2D} context @param {Spot} spot */
  _drawChosen(context, spot) {
    const { ratio } = this._view;
    context.beginPath();
    context.arc(spot.x * ratio, spot.y * ratio, 23 * ratio, 0, 2 * Math.PI);
    context.fillStyle = themeColour('halo');
    context.strokeStyle = themeColour('accent');
    context.lineWidth = 2.5 * ratio;
    context.fill();
    context.stroke();
    this._drawMarker(context, spot, NORMAL);
  },

  /**
   * The vehicle whose marker is under a point; of several, the one on top.
   * @param {{x: number, y: number}} point in the container of the map
   * @returns {Vehicle | null}
   */
  at(point) {
    const { x, y } = this._map.containerPointToLayerPoint(point).subtract(this._view.corner);
    const reach = (this._shape ?? NORMAL).radius + 4;
    const hits = this._spots.filter((/** @type {Spot} */ spot) => Math.hypot(spot.x - x, spot.y - y) <= reach);
    const chosen = hits.find((/** @type {Spot} */ spot) => spot.vehicle.id === this.selected);
    return (chosen ?? hits.at(-1))?.vehicle ?? null;
  },

  /** @param {Vehicle} vehicle @returns {{x: number, y: number} | null} in pixels of the page */
  screenPosition(vehicle) {
    if (vehicle.lat === null || vehicle.lon === null) return null;
    const box = this._canvas.getBoundingClientRect();
    const scale = box.width / this._view.width;
    const point = canvasPoint(this._view, vehicle.lat, vehicle.lon);
    return { x: box.left + window.scrollX + point.x * scale, y: box.top + window.scrollY + point.y * scale };
  },
});

/** @param {Iterable<Vehicle>} vehicles @param {View} view @returns {Spot[]} */
function visibleSpots(vehicles, view) {
  const spots = [];
  for (const vehicle of vehicles) {
    if (vehicle.lat === null) continue;
    const x = canvasX(view, vehicle.x);
    const y = canvasY(view, vehicle.y);
    if (x > -EDGE && y > -EDGE && x < view.width + EDGE && y < view.height + EDGE) spots.push({ vehicle, x, y });
  }
  return spots;
}

/** @param {CanvasRenderingContext2D} context @param {HTMLCanvasElement} sprite @param {Spot} spot @param {number} ratio */
function stamp(context, sprite, spot, ratio) {
  const half = sprite.width / 2;
  context.drawImage(sprite, Math.round(spot.x * ratio) - half, Math.round(spot.y * ratio) - half);
}
