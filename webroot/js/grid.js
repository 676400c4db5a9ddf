/** Which meridians and parallels to draw. Pure. */

const STEPS = [
  45, 30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001,
];

/**
 * The finest step whose lines are still at least `minPixels` apart.
 * @param {number} pixelsPerDegree
 * @param {number} [minPixels]
 */
export function gridStep(pixelsPerDegree, minPixels = 110) {
  let best = STEPS[0];
  for (const step of STEPS) {
    if (step * pixelsPerDegree >= minPixels) best = step;
  }
  return best;
}

/** @param {number} step @returns {number} digits that tell two neighbouring lines apart */
export function gridDigits(step) {
  return Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
}

/**
 * The multiples of `step` within [low, high], free of accumulated rounding.
 * @param {number} low
 * @param {number} high
 * @param {number} step
 */
export function gridLines(low, high, step) {
  const lines = [];
  for (let index = Math.ceil(low / step); index * step <= high; index += 1) {
    lines.push(Number((index * step).toFixed(6)));
  }
  return lines;
}
