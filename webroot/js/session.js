/** Who is logged in, with which server, and how to leave. */

import { leave, logout } from './api.js';
import { byId, setText } from './dom.js';
import { onLanguage, t } from './i18n.js';
import { toast } from './toasts.js';

/** @param {() => void} stop ends what would notice the end of the session */
export function bindLogout(stop) {
  byId('logout').addEventListener('click', () => {
    logout().then(() => {
      stop();
      leave();
    }).catch(() => toast(t('toast.alert'), t('toast.logout')));
  });
}

/** @param {{usuario: string, version: string}} config */
export function showSession(config) {
  const show = () => {
    setText(byId('user'), config.usuario);
    byId('user').title = t('session.user', { user: config.usuario });
    setText(byId('version'), `WayGPS ${config.version}`);
  };
  onLanguage(show);
  show();
}
