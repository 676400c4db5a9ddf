/** What colour says about a vehicle. Pure. */

/** @typedef {'error' | 'offline' | 'on' | 'moving' | 'stopped'} Kind */

/** In the order in which people look for them. @type {readonly Kind[]} */
export const KINDS = ['on', 'moving', 'stopped', 'offline', 'error'];

/** @type {Readonly<Record<Kind, string>>} */
export const COLOURS = {
  on: '#44ff44',
  moving: '#ffff44',
  stopped: '#ff4444',
  offline: '#ff4444',
  error: '#ff8800',
};

const PALETTE = ['#ff4444', '#44ff44', '#4444ff', '#ffff44', '#ff44ff', '#44ffff'];

/**
 * @param {{estado: string | null, ignicion: boolean | null, velocidad: number | null}} vehicle
 * @returns {Kind}
 */
export function kindOf(vehicle) {
  if (vehicle.estado === 'error') return 'error';
  if (vehicle.estado === 'desconectado') return 'offline';
  if (vehicle.ignicion) return 'on';
  return (vehicle.velocidad ?? 0) > 0 ? 'moving' : 'stopped';
}

/** @param {Parameters<typeof kindOf>[0]} vehicle */
export function colourOf(vehicle) {
  return COLOURS[kindOf(vehicle)];
}

/** @param {number} id of a vehicle */
export function trailColour(id) {
  return PALETTE[Math.abs(Math.trunc(id)) % PALETTE.length];
}

export { PALETTE as TRAIL_PALETTE };
