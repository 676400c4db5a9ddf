/** Values as people read them, in the language of the page. Pure. */

import { locale, t } from './i18n.js';

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */

export const NOTHING = '—';

const UNITS = /** @type {const} */ ([['d', 86400], ['h', 3600], ['min', 60], ['s', 1]]);

/** @param {Vehicle} vehicle */
export function nameOf(vehicle) {
  return vehicle.patente || t('vehicle.unnamed', { id: vehicle.id });
}

/** What fits into a marker. @param {Vehicle} vehicle */
export function initialsOf(vehicle) {
  return vehicle.patente ? [...vehicle.patente].slice(0, 2).join('').toUpperCase() : 'M';
}

/** @param {number | null} time @param {number} now */
export function age(time, now) {
  if (time === null) return t('age.never');
  const seconds = Math.max(0, Math.round((now - time) / 1000));
  const [unit, size] = UNITS.find((entry) => seconds >= entry[1]) ?? ['s', 1];
  return t('age.ago', { amount: `${Math.floor(seconds / size)} ${unit}` });
}

/** @param {number | null} degrees @returns {string} N, NE, E … */
export function compass(degrees) {
  if (degrees === null) return '';
  const index = Math.round((((degrees % 360) + 360) % 360) / 45) % 8;
  return t('compass').split(' ')[index];
}

/** @param {number | null} degrees */
export function course(degrees) {
  return degrees === null ? NOTHING : `${decimal(degrees, 0)}° ${compass(degrees)}`;
}

/** @param {number | null} kmh */
export function speed(kmh) {
  return kmh === null ? NOTHING : `${decimal(kmh, 0)} km/h`;
}

/** @param {number | null} lat @param {number | null} lon */
export function position(lat, lon) {
  // A point whatever the language: people paste this into other programs.
  return lat === null || lon === null ? t('vehicle.unplaced') : `${lat.toFixed(6)}, ${lon.toFixed(6)}`;
}

/** @param {number | null} value */
export function percent(value) {
  return value === null ? NOTHING : `${decimal(value, 0)} %`;
}

/** @param {boolean | null} value */
export function onOff(value) {
  return value === null ? NOTHING : t(value ? 'ignition.on' : 'ignition.off');
}

/** @param {number | null} time in the zone of the browser */
export function dateTime(time) {
  if (time === null) return NOTHING;
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' }).format(time);
}

/** @param {number} value @param {number} digits */
export function decimal(value, digits) {
  return value.toLocaleString(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @param {number} value @param {number} digits @param {'lat' | 'lon'} axis */
export function degrees(value, digits, axis) {
  const [positive, negative] = t(`axis.${axis}`).split(' ');
  const letter = value === 0 ? '' : ` ${value > 0 ? positive : negative}`;
  return `${decimal(Math.abs(value), digits)}°${letter}`;
}
