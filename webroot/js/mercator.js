/** Spherical mercator on the unit square, the projection of every slippy map. Pure. */

export const TILE = 256;
const MAX_LATITUDE = 85.05112878;

/** @param {number} longitude @returns {number} 0 at 180 W, 1 at 180 E */
export function unitX(longitude) {
  return longitude / 360 + 0.5;
}

/** @param {number} latitude @returns {number} 0 in the north, 1 in the south */
export function unitY(latitude) {
  const clipped = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, latitude));
  const sine = Math.sin((clipped * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

/** @param {number} x @returns {number} degrees */
export function longitudeOf(x) {
  return (x - 0.5) * 360;
}

/** @param {number} y @returns {number} degrees */
export function latitudeOf(y) {
  return (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
}

/** @param {number} zoom @returns {number} side of the world in pixels */
export function worldSize(zoom) {
  return TILE * 2 ** zoom;
}
