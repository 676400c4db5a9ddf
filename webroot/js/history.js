/** Fills the trail of a vehicle with what the server has stored. */

import { positions } from './api.js';
import { nameOf } from './format.js';
import { t } from './i18n.js';
import { toast } from './toasts.js';
import { TRAIL_LENGTH } from './trail.js';

/**
 * @param {import('./store.js').VehicleStore} store
 * @param {import('./vehicle.js').Vehicle} vehicle
 */
export async function loadHistory(store, vehicle) {
  try {
    const answer = await positions(vehicle.id, TRAIL_LENGTH);
    store.history(vehicle.id, answer.posiciones);
  } catch {
    toast(t('toast.alert'), t('toast.history', { name: nameOf(vehicle) }));
  }
}
