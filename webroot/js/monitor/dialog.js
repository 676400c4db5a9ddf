/** Asks before something is done, and stays open with the reason where it could not be done. */

import { byId, setText } from '../dom.js';
import { t } from '../i18n.js';
import { problemText } from './problem.js';

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {string} action the word on the button
 * @property {{name: string, longest: number}} [field] a text to type
 * @property {boolean} [danger] whether something is lost by it
 * @property {(typed: string) => Promise<void>} perform
 */

/** @type {Question | null} */
let asked = null;

const dialog = () => /** @type {HTMLDialogElement} */ (byId('dialog'));
const field = () => /** @type {HTMLInputElement} */ (byId('dialog-field'));
const action = () => /** @type {HTMLButtonElement} */ (byId('dialog-do'));

/** @param {Question} question */
export function ask(question) {
  asked = question;
  setText(byId('dialog-title'), question.title);
  setText(byId('dialog-text'), question.text);
  byId('dialog-label').hidden = !question.field;
  setText(byId('dialog-field-name'), question.field?.name ?? '');
  field().value = '';
  field().maxLength = question.field?.longest ?? 0;
  dialog().dataset.danger = String(Boolean(question.danger));
  showProblem('');
  showBusy(false);
  dialog().showModal();
  (question.field ? field() : byId('dialog-cancel')).focus();
}

/** @param {string} text */
function showProblem(text) {
  byId('dialog-problem').hidden = !text;
  setText(byId('dialog-problem'), text);
}

/** @param {boolean} busy */
function showBusy(busy) {
  action().disabled = busy;
  setText(action(), busy ? t('dialog.busy') : (asked?.action ?? ''));
}

/** @param {SubmitEvent} event */
async function onSubmit(event) {
  event.preventDefault();
  const question = asked;
  if (!question || action().disabled) return;
  showBusy(true);
  showProblem('');
  try {
    await question.perform(field().value.trim());
    if (asked === question) dialog().close();
  } catch (error) {
    if (asked !== question) return;
    showProblem(problemText(error));
    showBusy(false);
  }
}

export function bindDialog() {
  byId('dialog-form').addEventListener('submit', onSubmit);
  byId('dialog-cancel').addEventListener('click', () => dialog().close());
  dialog().addEventListener('close', () => (asked = null));
}
