/** How many devices wait in quarantine, beside the link to the page where they are adopted. */

import { ask } from './api.js';
import { byId, setText } from './dom.js';
import { t } from './i18n.js';

/** While the server does not answer the last number stays: the page shows elsewhere that it is not live. */
export async function showWaiting() {
  const { total } = await ask('cuarentena/?limite=1');
  const badge = byId('badge');
  badge.hidden = total === 0;
  setText(badge, total > 999 ? '999+' : String(total));
  byId('monitor-link').title = t('monitor.waiting', { count: total });
}
