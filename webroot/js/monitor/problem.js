/** Why something could not be had or done, and what helps, in the language of the page. */

import { ApiError } from '../api.js';
import { hasWord, t } from '../i18n.js';

/** An answer that broke off is none. @param {unknown} error @returns {string} */
export function problemText(error) {
  const { status, answer } = error instanceof ApiError ? error : new ApiError(0);
  const detail = String(answer?.error ?? '');
  return hasWord(`problem.${status}`) ? t(`problem.${status}`, { detail }) : t('problem.other', { status, detail });
}
