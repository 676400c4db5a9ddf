/** Meridians and parallels: what the map shows when no tile server is configured. */

import { CanvasLayer } from './canvas_layer.js';
import { degrees } from './format.js';
import { gridDigits, gridLines, gridStep } from './grid.js';
import { latitudeOf, longitudeOf, unitX, unitY } from './mercator.js';
import { canvasFont, themeColour } from './theme.js';
import { canvasY } from './view.js';

/** @typedef {import('./view.js').View} View */
/** @typedef {{at: number, text: string}} Line at: in pixels of the canvas */

const TOP = 36;

export const GridLayer = CanvasLayer.extend({
  options: { className: 'grid-canvas', pane: 'tilePane', everyMove: true },

  /** @param {CanvasRenderingContext2D} context @param {View} view */
  draw(context, view) {
    const step = gridStep(view.world / 360);
    const digits = gridDigits(step);
    const meridians = longitudes(view, step)
      .map((lon) => ({ at: meridian(view, lon), text: degrees(wrapped(lon), digits, 'lon') }));
    const parallels = latitudes(view, step)
      .map((lat) => ({ at: parallel(view, lat), text: degrees(lat, digits, 'lat') }));
    drawLines(context, view, meridians, parallels);
    drawLabels(context, view, meridians, parallels);
  },
});

/** @param {View} view @param {number} step */
function longitudes(view, step) {
  return gridLines(longitudeOf(view.left / view.world), longitudeOf((view.left + view.width) / view.world), step);
}

/** @param {View} view @param {number} step */
function latitudes(view, step) {
  const north = Math.min(85, latitudeOf(Math.max(0, view.top / view.world)));
  const south = Math.max(-85, latitudeOf(Math.min(1, (view.top + view.height) / view.world)));
  return gridLines(south, north, step);
}

/** @param {number} longitude */
function wrapped(longitude) {
  return ((((longitude + 180) % 360) + 360) % 360) - 180;
}

/** On the middle of a pixel, where a thin line is sharp. @param {View} view @param {number} lon */
function meridian(view, lon) {
  return Math.round(unitX(lon) * view.world - view.left) + 0.5;
}

/** @param {View} view @param {number} lat */
function parallel(view, lat) {
  return Math.round(canvasY(view, unitY(lat))) + 0.5;
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {Line[]} meridians @param {Line[]} parallels */
function drawLines(context, view, meridians, parallels) {
  context.beginPath();
  for (const { at } of meridians) line(context, at, 0, at, view.height);
  for (const { at } of parallels) line(context, 0, at, view.width, at);
  context.strokeStyle = themeColour('map-grid');
  context.lineWidth = 1;
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
function line(context, x1, y1, x2, y2) {
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {Line[]} meridians @param {Line[]} parallels */
function drawLabels(context, view, meridians, parallels) {
  context.font = canvasFont(11, 500);
  context.fillStyle = themeColour('map-label');
  context.strokeStyle = themeColour('map-back');
  context.lineWidth = 3;
  for (const { at, text } of meridians) label(context, text, at + 5, view.marginY + 6, 'top');
  for (const { at, text } of parallels) {
    // The top belongs to the meridians.
    if (at > view.marginY + TOP) label(context, text, view.marginX + 8, at - 4, 'bottom');
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {CanvasTextBaseline} base
 */
function label(context, text, x, y, base) {
  context.textBaseline = base;
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}
