/** Says whether what the map shows is live. */

import { byId, setText } from './dom.js';
import { onLanguage, t } from './i18n.js';

/** @typedef {import('./connection.js').Connection} Connection */

/** @param {Connection} connection @param {number} now */
export function connectionText(connection, now) {
  const { state, retryAt } = connection;
  if (state !== 'reconnecting') return t(`connection.${state}`);
  if (connection.tooMany) return t('connection.many');
  if (retryAt === null) return t('connection.connecting');
  return t('connection.waiting', { seconds: Math.max(1, Math.ceil((retryAt - now) / 1000)) });
}

/** @param {Connection} connection */
export function showConnection(connection) {
  document.body.dataset.connection = connection.state;
  byId('retry').hidden = connection.retryAt === null || connection.state === 'connected';
  setText(byId('connection-text'), connectionText(connection, Date.now()));
  // Screen readers hear of each change once, not of each second of a pause.
  const spoken = connection.state === 'reconnecting' ? 'connecting' : connection.state;
  setText(byId('connection-spoken'), t(`connection.${spoken}`));
}

/** @param {Connection} connection */
export function startStatus(connection) {
  byId('retry').addEventListener('click', () => connection.retryNow());
  onLanguage(() => showConnection(connection));
  setInterval(() => showConnection(connection), 500);
  showConnection(connection);
}
