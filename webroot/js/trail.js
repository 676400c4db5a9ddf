/** The last points of one vehicle, projected and ready to draw. Pure. */

import { unitX, unitY } from './mercator.js';

export const TRAIL_LENGTH = 100;

// A straight line across an hour of silence would claim a road that nobody drove.
const BREAK_MS = 10 * 60 * 1000;

/** @typedef {{x: number, y: number, t: number}} TrailPoint x, y on the unit square, t in milliseconds */

export class Trail {
  /** @param {number} [limit] */
  constructor(limit = TRAIL_LENGTH) {
    this.limit = limit;
    /** @type {TrailPoint[]} oldest first */
    this.points = [];
  }

  /**
   * @param {number} latitude
   * @param {number} longitude
   * @param {number} t time of the fix
   */
  push(latitude, longitude, t) {
    const last = this.points.at(-1);
    const x = unitX(longitude);
    const y = unitY(latitude);
    if (last && last.x === x && last.y === y) last.t = t;
    else this.points.push({ x, y, t });
    this._trim();
  }

  /**
   * Put the stored history in place of what was seen, keeping what came after it.
   * @param {{latitud: number, longitud: number, fecha_gps: string}[]} positions ascending
   */
  fill(positions) {
    const seen = this.points;
    this.points = [];
    for (const fix of positions) this.push(fix.latitud, fix.longitud, Date.parse(fix.fecha_gps));
    const newest = this.points.at(-1)?.t ?? -Infinity;
    this.points.push(...seen.filter((point) => point.t > newest));
    this._trim();
  }

  /** @param {number} index @returns {boolean} whether nothing is known between this point and the one before */
  breaksAt(index) {
    return index === 0 || this.points[index].t - this.points[index - 1].t > BREAK_MS;
  }

  _trim() {
    if (this.points.length > this.limit) this.points.splice(0, this.points.length - this.limit);
  }
}
