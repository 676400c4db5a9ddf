/** Where the vehicles came from, on a canvas below them. */

import { CanvasLayer } from './canvas_layer.js';
import { trailColour } from './colours.js';
import { TRAIL_LENGTH } from './trail.js';
import { canvasX, canvasY } from './view.js';

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */
/** @typedef {import('./view.js').View} View */

// What one frame may draw; with more vehicles in view each gets a shorter tail.
const MOST_POINTS = 12000;
const SHORTEST_TAIL = 3;
const LAG_MS = 300;

export const TrailLayer = CanvasLayer.extend({
  options: { className: 'trail-canvas', pane: 'overlayPane' },

  /** @param {Map<number, Vehicle>} vehicles */
  initialize(vehicles) {
    this._vehicles = vehicles;
    /** @type {number | null} */
    this.selected = null;
    this.all = true;
  },

  /** Trails grow slowly: they need not follow each update at once. */
  grown() {
    this.invalidateWithin(LAG_MS);
  },

  /** @param {number | null} id */
  select(id) {
    this.selected = id;
    this.invalidate();
  },

  /** @param {CanvasRenderingContext2D} context @param {View} view */
  draw(context, view) {
    context.lineJoin = context.lineCap = 'round';
    if (this.all) this._drawAll(context, view);
    const chosen = this._vehicles.get(this.selected);
    if (chosen) drawChosen(context, view, chosen);
  },

  /** One path per colour: strokes are what costs. @param {CanvasRenderingContext2D} context @param {View} view */
  _drawAll(context, view) {
    const shown = [...this._vehicles.values()].filter((vehicle) => isNear(vehicle, view));
    const length = Math.min(TRAIL_LENGTH, Math.floor(MOST_POINTS / Math.max(1, shown.length)));
    if (length < SHORTEST_TAIL) return;
    /** @type {Map<string, Path2D>} */
    const paths = new Map();
    for (const vehicle of shown) {
      const colour = trailColour(vehicle.id);
      const path = paths.get(colour) ?? new Path2D();
      paths.set(colour, path);
      trace(path, view, vehicle, length);
    }
    strokeAll(context, paths);
  },
});

/** @param {CanvasRenderingContext2D} context @param {Map<string, Path2D>} paths */
function strokeAll(context, paths) {
  context.globalAlpha = 0.7;
  context.lineWidth = 3;
  for (const [colour, path] of paths) {
    context.strokeStyle = colour;
    context.stroke(path);
  }
  context.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {Vehicle} vehicle */
function drawChosen(context, view, vehicle) {
  const path = new Path2D();
  trace(path, view, vehicle, TRAIL_LENGTH);
  for (const [width, colour] of /** @type {const} */ ([[9, 'rgba(0, 0, 0, 0.35)'], [7.5, '#fff']])) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke(path);
  }
  context.lineWidth = 4;
  context.strokeStyle = trailColour(vehicle.id);
  context.stroke(path);
}

/** @param {Vehicle} vehicle @param {View} view */
function isNear(vehicle, view) {
  if (vehicle.lat === null || vehicle.trail.points.length < 2) return false;
  const x = canvasX(view, vehicle.x);
  const y = canvasY(view, vehicle.y);
  return x > -view.width && y > -view.height && x < 2 * view.width && y < 2 * view.height;
}

/** @param {Path2D} path @param {View} view @param {Vehicle} vehicle @param {number} length */
function trace(path, view, vehicle, length) {
  const { trail } = vehicle;
  const first = Math.max(0, trail.points.length - length);
  const shift = canvasX(view, vehicle.x) - vehicle.x * view.world;
  for (let index = first; index < trail.points.length; index += 1) {
    const x = trail.points[index].x * view.world + shift;
    const y = canvasY(view, trail.points[index].y);
    if (index === first || trail.breaksAt(index)) path.moveTo(x, y);
    else path.lineTo(x, y);
  }
}
