/** One vehicle as the page knows it, built from what the server says. Pure. */

import { unitX, unitY } from './mercator.js';
import { Trail } from './trail.js';

/**
 * @typedef {object} Vehicle
 * @property {number} id
 * @property {string | null} imei
 * @property {string | null} patente
 * @property {number | null} lat degrees; null while it was never positioned
 * @property {number | null} lon degrees
 * @property {number} x on the unit square
 * @property {number} y on the unit square
 * @property {number | null} velocidad km/h
 * @property {number | null} rumbo degrees from north
 * @property {boolean | null} ignicion
 * @property {number | null} bateria per cent
 * @property {number | null} satelites
 * @property {string | null} calidad
 * @property {number | null} fixedAt time of the fix, milliseconds
 * @property {number | null} receivedAt milliseconds
 * @property {string | null} estado conectado, desconectado or error
 * @property {Trail} trail
 */

/** @param {number} id @returns {Vehicle} */
export function unknownVehicle(id) {
  const nothing = { imei: null, patente: null, lat: null, lon: null, velocidad: null, rumbo: null, ignicion: null };
  const more = { bateria: null, satelites: null, calidad: null, fixedAt: null, receivedAt: null, estado: null };
  return { id, x: 0, y: 0, ...nothing, ...more, trail: new Trail() };
}

/** @param {unknown} text @returns {number | null} */
export function parseTime(text) {
  if (typeof text === 'number') return text;
  const time = typeof text === 'string' ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? null : time;
}

/** @param {unknown} value @returns {number | null} */
function number(value) {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** @param {Vehicle} vehicle @param {unknown} lat @param {unknown} lon @param {number | null} time */
function place(vehicle, lat, lon, time) {
  vehicle.lat = number(lat);
  vehicle.lon = number(lon);
  vehicle.fixedAt = time;
  if (vehicle.lat === null || vehicle.lon === null) return;
  vehicle.x = unitX(vehicle.lon);
  vehicle.y = unitY(vehicle.lat);
  vehicle.trail.push(vehicle.lat, vehicle.lon, time ?? 0);
}

/** The points since the fix before. @param {Vehicle} vehicle @param {[number, number, number][]} points time, latitude, longitude */
function pass(vehicle, points) {
  for (const [time, lat, lon] of points) {
    if (time >= (vehicle.fixedAt ?? -Infinity)) vehicle.trail.push(lat, lon, time);
  }
}

/**
 * A whole state, as in initial_state.
 * @param {Vehicle} vehicle
 * @param {Record<string, any>} mobile
 */
export function applyMobile(vehicle, mobile) {
  place(vehicle, mobile.ultimo_lat, mobile.ultimo_lon, parseTime(mobile.fecha_gps));
  vehicle.imei = mobile.imei ?? null;
  vehicle.patente = mobile.patente || null;
  vehicle.velocidad = number(mobile.velocidad ?? mobile.ultima_velocidad_kmh);
  vehicle.rumbo = number(mobile.rumbo ?? mobile.ultimo_rumbo);
  vehicle.ignicion = mobile.ignicion ?? null;
  vehicle.bateria = number(mobile.bateria ?? mobile.bateria_porcentaje);
  vehicle.satelites = number(mobile.calidad_senal);
  vehicle.receivedAt = parseTime(mobile.ultima_actualizacion) ?? parseTime(mobile.fecha_recepcion);
  vehicle.estado = mobile.estado_conexion ?? null;
}

/**
 * A new fix. One that is older than the known one changes nothing: it belongs to the history.
 * @param {Vehicle} vehicle
 * @param {Record<string, any>} data
 * @returns {boolean} whether the vehicle changed
 */
export function applyFix(vehicle, data) {
  const time = parseTime(data.fecha_gps);
  if (time === null || time < (vehicle.fixedAt ?? -Infinity)) return false;
  pass(vehicle, data.trail ?? []);
  place(vehicle, data.latitud, data.longitud, time);
  vehicle.imei = data.imei ?? vehicle.imei;
  vehicle.patente = data.patente || vehicle.patente;
  vehicle.velocidad = number(data.velocidad);
  vehicle.rumbo = number(data.rumbo);
  applySensors(vehicle, data);
  // A vehicle that reports is connected, whatever was said of it before.
  vehicle.estado = 'conectado';
  return true;
}

/**
 * What a report left out keeps its last value: devices do not send every sensor with every fix.
 * @param {Vehicle} vehicle
 * @param {Record<string, any>} data
 */
function applySensors(vehicle, data) {
  vehicle.ignicion = data.ignicion ?? vehicle.ignicion;
  vehicle.bateria = number(data.bateria) ?? vehicle.bateria;
  vehicle.satelites = number(data.satelites) ?? vehicle.satelites;
  vehicle.calidad = data.calidad_datos ?? vehicle.calidad;
  vehicle.receivedAt = parseTime(data.fecha_recepcion) ?? vehicle.fixedAt;
}
