/** A Leaflet layer that is one canvas. Subclasses say how to draw; this says when, where and how sharp. */

import { worldSize } from './mercator.js';

const L = /** @type {any} */ (window).L;

// Drawn beyond each edge, in parts of the map: what shows during a zoom out or a fast drag.
const MARGIN = 0.15;

const CHEAP_MS = 5;
const LONGEST_LAG_MS = 250;

/** @typedef {import('./view.js').View} View */

export const CanvasLayer = L.Layer.extend({
  // everyMove: the picture depends on where the map looks, and not only on what it covers.
  options: { className: '', pane: 'overlayPane', everyMove: false },

  /** @param {any} map */
  onAdd(map) {
    this._canvas = L.DomUtil.create('canvas', `${this.options.className} leaflet-zoom-animated`, this.getPane());
    this._canvas.setAttribute('aria-hidden', 'true');
    this._context = this._canvas.getContext('2d');
    this._zooming = false;
    this._spent = 0;
    this._map = map;
    this._redraw();
  },

  onRemove() {
    cancelAnimationFrame(this._frame);
    clearTimeout(this._timer);
    this._frame = this._timer = undefined;
    this._canvas.remove();
  },

  getEvents() {
    return {
      zoomanim: this._animateZoom,
      // At once: a frame late, the picture would tremble against the map.
      zoom: this._settle, zoomend: this._settle, viewreset: this._settle,
      move: this._moved, moveend: this.invalidate, resize: this.invalidate,
    };
  },

  /** The next frame shows what is true then. */
  invalidate() {
    if (this._frame || !this._map) return;
    this._frame = requestAnimationFrame(() => this._redraw());
  },

  /** New data: a picture that takes long is made less often, and leaves time for hands on the map. */
  changed() {
    if (this._spent < CHEAP_MS) this.invalidate();
    else this.invalidateWithin(Math.min(LONGEST_LAG_MS, 2 * this._spent));
  },

  /** For what may lag behind a little. @param {number} delay milliseconds */
  invalidateWithin(delay) {
    if (this._timer || this._frame) return;
    this._timer = setTimeout(() => this.invalidate(), delay);
  },

  /** The canvas moves with the map; only when it no longer covers it there is something to do. */
  _moved() {
    if (this.options.everyMove || !this._covers()) this.invalidate();
  },

  _covers() {
    const { corner, marginX, marginY } = this._view;
    const { x, y } = this._map.containerPointToLayerPoint([0, 0]).subtract(corner);
    return x >= 0 && y >= 0 && x <= 2 * marginX && y <= 2 * marginY;
  },

  _settle() {
    this._zooming = false;
    this._redraw();
  },

  _redraw() {
    cancelAnimationFrame(this._frame);
    clearTimeout(this._timer);
    this._frame = this._timer = undefined;
    // During the animation of a zoom the style sheet scales the picture: it keeps the old scale until the end.
    if (!this._zooming) this._place();
    const began = performance.now();
    const { ratio, width, height } = this._view;
    this._context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this._context.clearRect(0, 0, width, height);
    this.draw(this._context, this._view);
    this._spent = performance.now() - began;
  },

  /** Cover the map, wherever it is now. */
  _place() {
    const size = this._map.getSize();
    const margin = L.point(Math.round(size.x * MARGIN), Math.round(size.y * MARGIN));
    const corner = this._map.containerPointToLayerPoint(margin.multiplyBy(-1)).round();
    const origin = this._map.getPixelOrigin().add(corner);
    const zoom = this._map.getZoom();
    L.DomUtil.setTransform(this._canvas, corner, 1);
    this._view = {
      zoom, corner, world: worldSize(zoom), left: origin.x, top: origin.y, ratio: window.devicePixelRatio || 1,
      width: size.x + 2 * margin.x, height: size.y + 2 * margin.y, marginX: margin.x, marginY: margin.y,
    };
    this._fitPixels();
  },

  _fitPixels() {
    const { width, height, ratio } = this._view;
    const pixelsX = Math.round(width * ratio);
    const pixelsY = Math.round(height * ratio);
    if (this._canvas.width === pixelsX && this._canvas.height === pixelsY) return;
    this._canvas.width = pixelsX;
    this._canvas.height = pixelsY;
    this._canvas.style.width = `${width}px`;
    this._canvas.style.height = `${height}px`;
  },

  /** @param {{zoom: number, center: any}} event */
  _animateZoom(event) {
    const { left, top, zoom } = this._view;
    const corner = this._map.unproject(L.point(left, top), zoom);
    const target = this._map._latLngToNewLayerPoint(corner, event.zoom, event.center);
    this._zooming = true;
    L.DomUtil.setTransform(this._canvas, target, this._map.getZoomScale(event.zoom, zoom));
  },

  /** @param {CanvasRenderingContext2D} _context @param {View} _view */
  draw(_context, _view) {},
});
