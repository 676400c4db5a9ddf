/** Between the WebSocket and the store: which message does what, and when to try again. */

import { config, leave, reachable } from './api.js';
import { Rows } from './rows.js';
import { Connection } from './connection.js';

/** @typedef {import('./store.js').VehicleStore} VehicleStore */

/** @returns {WebSocket} */
function openSocket() {
  const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
  return new WebSocket(`${scheme}//${window.location.host}/ws/gps/`);
}

/** A browser hides why a handshake failed; the REST interface says whether it was the session. */
function askWhy() {
  config().catch(() => undefined);
}

/**
 * @param {VehicleStore} store
 * @param {(type: string, message: string) => void} onAlert
 * @returns {Record<string, (message: any) => void>}
 */
function routes(store, onAlert) {
  const rows = new Rows();
  return {
    options: (message) => rows.learn(message.fields),
    gps_batch: (message) => {
      for (const { id, data } of rows.read(message.updates)) store.fix(id, data);
    },
    initial_state: (message) => store.load(message.mobiles),
    gps_update: (message) => store.fix(message.mobile_id, message.data),
    mobile_status: (message) => store.status(message.mobile_id, message.status),
    system_alert: (message) => onAlert(message.alert_type, message.message),
  };
}

/** @param {Connection} connection */
function watchNetwork(connection) {
  window.addEventListener('online', () => connection.retryNow());
  window.addEventListener('offline', () => connection.networkLost());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') connection.retryNow();
  });
  // A page that comes back from the back-forward cache comes back with a dead socket.
  window.addEventListener('pageshow', () => connection.retryNow());
}

/**
 * @param {VehicleStore} store
 * @param {{onAlert: (type: string, message: string) => void, onChange: (connection: Connection) => void}} told
 */
export function connect(store, told) {
  return connectTo(routes(store, told.onAlert), told.onChange);
}

/** No vehicle has this number: who subscribes to it hears of none. */
const NO_VEHICLE = 0;

/**
 * Hears what the server says of itself, and of no vehicle.
 * @param {{onAlert: (type: string, message: string) => void, onChange: (connection: Connection) => void}} told
 */
export function connectToAlerts(told) {
  const alerts = { system_alert: (/** @type {any} */ message) => told.onAlert(message.alert_type, message.message) };
  return connectTo(alerts, (connection) => {
    connection.send({ type: 'subscribe_mobile', mobile_id: NO_VEHICLE });
    told.onChange(connection);
  });
}

/**
 * @param {Record<string, (message: any) => void>} route
 * @param {(connection: Connection) => void} onChange
 */
function connectTo(route, onChange) {
  /** @type {Connection} */
  const connection = new Connection({
    open: openSocket,
    onMessage: (message) => {
      if (message.type === 'options') connection.expect(message.heartbeat);
      route[message.type]?.(message);
    },
    onChange: () => onChange(connection),
    onSessionEnd: leave,
    onRefused: askWhy,
    reachable,
    hello: { type: 'options', compact: true, trail: true, heartbeat: true },
  });
  watchNetwork(connection);
  return connection;
}
