/** The words of the page in each of its languages, and which language is in use. Pure. */

import * as monitor from './monitor/words.js';

const es = {
  ...monitor.es,
  'page.map': 'WayGPS · Mapa en vivo', 'page.login': 'WayGPS · Ingresar',
  'language.switch': 'English', 'language.label': 'Cambiar el idioma a inglés (English)',
  'login.user': 'Usuario', 'login.password': 'Clave', 'login.enter': 'Ingresar',
  'login.lead': 'Seguimiento de vehículos en tiempo real', 'login.busy': 'Ingresando…',
  'login.show': 'Mostrar la clave', 'login.hide': 'Ocultar la clave',
  'login.missing': 'Escriba el usuario y la clave.', 'login.refused': 'El usuario o la clave no son correctos.',
  'login.limited': 'Demasiados intentos. Espere unos minutos y pruebe otra vez.',
  'login.failed': 'El servidor no responde. Pruebe otra vez en un momento.',
  'session.logout': 'Cerrar sesión', 'session.user': 'Sesión de {user}',
  'connection.connected': 'Conectado', 'connection.connecting': 'Conectando…',
  'connection.waiting': 'Reconectando en {seconds} s', 'connection.disconnected': 'Sin conexión',
  'connection.retry': 'Reintentar ahora', 'connection.many': 'Demasiadas ventanas abiertas: cierre una',
  'map.label': 'Mapa con los vehículos', 'map.in': 'Acercar', 'map.out': 'Alejar', 'map.fit': 'Ver todos los vehículos',
  'map.trails': 'Mostrar los recorridos', 'map.tools': 'Herramientas del mapa',
  'list.title': 'Vehículos', 'list.label': 'Lista de vehículos', 'list.search': 'Buscar por patente o IMEI',
  'list.empty': 'Todavía no hay vehículos. Los equipos que nadie dio de alta esperan en Monitor hasta que alguien los adopte.',
  'list.none': 'Ningún vehículo coincide con la búsqueda.', 'list.toggle': 'Mostrar u ocultar la lista',
  'list.loading': 'Cargando los vehículos…', 'list.filters': 'Filtrar por estado',
  'kind.on': 'Encendido', 'kind.moving': 'En movimiento', 'kind.stopped': 'Detenido', 'kind.offline': 'Desconectado',
  'kind.error': 'Error', 'vehicle.unnamed': 'Móvil {id}', 'vehicle.unplaced': 'Sin posición',
  'field.position': 'Posición', 'field.speed': 'Velocidad', 'field.course': 'Rumbo', 'field.ignition': 'Ignición',
  'field.battery': 'Batería', 'field.satellites': 'Satélites', 'field.quality': 'Calidad', 'field.imei': 'IMEI',
  'field.fixed': 'Hora GPS', 'field.updated': 'Última actualización',
  'quality.excelente': 'Excelente', 'quality.buena': 'Buena', 'quality.regular': 'Regular', 'quality.mala': 'Mala',
  'popup.close': 'Cerrar', 'popup.follow': 'Seguir', 'popup.following': 'Siguiendo',
  'ignition.on': 'ON', 'ignition.off': 'OFF', 'age.ago': 'hace {amount}', 'age.never': 'sin datos',
  compass: 'N NE E SE S SO O NO', 'axis.lat': 'N S', 'axis.lon': 'E O',
  'toast.close': 'Descartar el aviso', 'toast.region': 'Avisos', 'toast.alert': 'Aviso del sistema',
  'alert.base_de_datos_fuera': 'Base de datos fuera de alcance',
  'alert.base_de_datos_fuera.text': 'Las posiciones se guardan en el servidor y pasarán a la base cuando vuelva. No se pierde ninguna.',
  'alert.base_de_datos_de_vuelta': 'La base de datos volvió',
  'alert.base_de_datos_de_vuelta.text': 'Las posiciones guardadas mientras tanto están pasando a la base.',
  'alert.identidad_repetida': 'Dos equipos con la misma identificación',
  'alert.archivos_agotados': 'No entran más equipos',
  'alert.archivos_agotados.text': 'Los conectados siguen. El servidor llegó a su límite de archivos abiertos (LimitNOFILE): hay que subirlo.',
  'alert.archivos_disponibles': 'Vuelven a entrar equipos', 'alert.archivos_disponibles.text': 'Hay archivos disponibles otra vez.',
  'alert.cola_llena': 'No se reciben posiciones',
  'alert.cola_llena.text': 'La base de datos no responde y la cola en disco está llena. Los equipos enviarán otra vez lo que falta.',
  'toast.history': 'No se pudo cargar el recorrido de {name}.', 'toast.logout': 'No se pudo cerrar la sesión.',
};

/** @type {typeof es} */
const en = {
  ...monitor.en,
  'page.map': 'WayGPS · Live map', 'page.login': 'WayGPS · Sign in',
  'language.switch': 'Español', 'language.label': 'Change the language to Spanish (Español)',
  'login.user': 'User', 'login.password': 'Password', 'login.enter': 'Sign in',
  'login.lead': 'Vehicle tracking in real time', 'login.busy': 'Signing in…',
  'login.show': 'Show the password', 'login.hide': 'Hide the password',
  'login.missing': 'Type the user and the password.', 'login.refused': 'The user or the password is not correct.',
  'login.limited': 'Too many attempts. Wait a few minutes and try again.',
  'login.failed': 'The server does not answer. Try again in a moment.',
  'session.logout': 'Sign out', 'session.user': 'Session of {user}',
  'connection.connected': 'Connected', 'connection.connecting': 'Connecting…',
  'connection.waiting': 'Reconnecting in {seconds} s', 'connection.disconnected': 'Disconnected',
  'connection.retry': 'Retry now', 'connection.many': 'Too many windows open: close one',
  'map.label': 'Map with the vehicles', 'map.in': 'Zoom in', 'map.out': 'Zoom out', 'map.fit': 'Show all vehicles',
  'map.trails': 'Show the trails', 'map.tools': 'Map tools',
  'list.title': 'Vehicles', 'list.label': 'List of vehicles', 'list.search': 'Search by plate or IMEI',
  'list.empty': 'No vehicles yet. Devices that nobody entered wait on the Monitor page until someone adopts them.',
  'list.none': 'No vehicle matches the search.', 'list.toggle': 'Show or hide the list',
  'list.loading': 'Loading the vehicles…', 'list.filters': 'Filter by state',
  'kind.on': 'Ignition on', 'kind.moving': 'Moving', 'kind.stopped': 'Stopped', 'kind.offline': 'Disconnected',
  'kind.error': 'Error', 'vehicle.unnamed': 'Vehicle {id}', 'vehicle.unplaced': 'No position',
  'field.position': 'Position', 'field.speed': 'Speed', 'field.course': 'Course', 'field.ignition': 'Ignition',
  'field.battery': 'Battery', 'field.satellites': 'Satellites', 'field.quality': 'Quality', 'field.imei': 'IMEI',
  'field.fixed': 'GPS time', 'field.updated': 'Last update',
  'quality.excelente': 'Excellent', 'quality.buena': 'Good', 'quality.regular': 'Fair', 'quality.mala': 'Poor',
  'popup.close': 'Close', 'popup.follow': 'Follow', 'popup.following': 'Following',
  'ignition.on': 'ON', 'ignition.off': 'OFF', 'age.ago': '{amount} ago', 'age.never': 'no data',
  compass: 'N NE E SE S SW W NW', 'axis.lat': 'N S', 'axis.lon': 'E W',
  'toast.close': 'Dismiss the notice', 'toast.region': 'Notices', 'toast.alert': 'System notice',
  'alert.base_de_datos_fuera': 'Database out of reach',
  'alert.base_de_datos_fuera.text': 'Positions are kept on the server and will move to the database when it is back. None is lost.',
  'alert.base_de_datos_de_vuelta': 'The database is back',
  'alert.base_de_datos_de_vuelta.text': 'The positions kept meanwhile are moving to the database.',
  'alert.identidad_repetida': 'Two devices with one identification',
  'alert.archivos_agotados': 'No further devices can connect',
  'alert.archivos_agotados.text': 'Those connected go on. The server is at its limit of open files (LimitNOFILE): raise it.',
  'alert.archivos_disponibles': 'Devices can connect again', 'alert.archivos_disponibles.text': 'There are open files again.',
  'alert.cola_llena': 'Positions are not being received',
  'alert.cola_llena.text': 'The database does not answer and the queue on disk is full. Devices will send again what is missing.',
  'toast.history': 'The trail of {name} could not be loaded.', 'toast.logout': 'Signing out failed.',
};

/** @typedef {'es' | 'en'} Language */

/** @type {Record<Language, Record<string, string>>} */
export const WORDS = { es, en };

/** @type {Language} */
let current = 'es';

/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * @param {readonly string[]} wanted in order of preference, as in navigator.languages
 * @returns {Language}
 */
export function pickLanguage(wanted) {
  const known = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in WORDS);
  return /** @type {Language} */ (known ?? 'es');
}

/** @returns {Language} */
export function language() {
  return current;
}

/** For Intl: Spanish here is the Spanish of Argentina. */
export function locale() {
  return current === 'es' ? 'es-AR' : 'en-GB';
}

/** @param {Language} wanted */
export function setLanguage(wanted) {
  current = wanted;
  for (const listener of listeners) listener();
}

/** @param {() => void} listener */
export function onLanguage(listener) {
  listeners.add(listener);
}

/** @param {string} key */
export function hasWord(key) {
  return Object.hasOwn(WORDS[current], key);
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = hasWord(key) ? WORDS[current][key] : key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
