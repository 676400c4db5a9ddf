/** The time of the server, as well as this browser can know it. Pure. */

// The Date header has whole seconds and the answer took a while: smaller differences mean nothing.
const NOISE_MS = 3000;

let offset = 0;

/**
 * Ages are computed from times of the server; a computer whose clock is wrong would show nonsense.
 * @param {string | null} dateHeader the Date header of an answer
 * @param {number} [local] the time of this computer when the answer came
 */
export function learnServerTime(dateHeader, local = Date.now()) {
  const difference = Date.parse(dateHeader ?? '') - local;
  if (Number.isNaN(difference)) return;
  offset = Math.abs(difference) > NOISE_MS ? difference : 0;
}

/** @param {number} [local] @returns {number} milliseconds since 1970 */
export function now(local = Date.now()) {
  return local + offset;
}
