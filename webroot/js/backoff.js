/** How long to wait before the next attempt to connect: growing, jittered, bounded. Pure. */

export const FIRST_MS = 1000;
export const LONGEST_MS = 30000;

// Without a floor, full jitter may answer 0 and turn a dead server into a busy loop.
const SHORTEST_MS = 300;

/**
 * Full jitter: a thousand browsers that lost the same server do not come back in the same second.
 * @param {number} attempt 0 for the first retry
 * @param {() => number} [random] returns a number in [0, 1)
 * @returns {number} milliseconds
 */
export function backoffDelay(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.max(SHORTEST_MS, Math.round(random() * ceiling));
}
