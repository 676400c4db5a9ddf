/** The page to log in. */

import { ApiError, login } from './api.js';
import { byId, setText } from './dom.js';
import { onLanguage, t } from './i18n.js';
import { startLanguages } from './translate.js';

const form = /** @type {HTMLFormElement} */ (byId('login'));
const user = /** @type {HTMLInputElement} */ (byId('user'));
const password = /** @type {HTMLInputElement} */ (byId('password'));
const enter = /** @type {HTMLButtonElement} */ (byId('enter'));
const problem = byId('problem');

/** @type {string} key of the words on show; empty for none */
let shown = '';

/** @param {string} key */
function showProblem(key) {
  shown = key;
  problem.hidden = !key;
  setText(problem, key ? t(key) : '');
  for (const field of [user, password]) field.ariaInvalid = String(key === 'login.refused');
}

/** @param {boolean} busy */
function showBusy(busy) {
  enter.disabled = busy;
  setText(enter, t(busy ? 'login.busy' : 'login.enter'));
}

/** @param {unknown} error */
function reasonOf(error) {
  const status = error instanceof ApiError ? error.status : 0;
  if (status === 401) return 'login.refused';
  return status === 429 ? 'login.limited' : 'login.failed';
}

/** @param {unknown} error */
function onRefusal(error) {
  showBusy(false);
  showProblem(reasonOf(error));
  password.focus();
  password.select();
}

/** @param {SubmitEvent} event */
function onSubmit(event) {
  event.preventDefault();
  if (!user.value.trim() || !password.value) {
    showProblem('login.missing');
    (user.value.trim() ? password : user).focus();
    return;
  }
  showProblem('');
  showBusy(true);
  login(user.value.trim(), password.value).then(() => window.location.replace('/'), onRefusal);
}

function labelReveal() {
  byId('reveal').setAttribute('aria-label', t(password.type === 'password' ? 'login.show' : 'login.hide'));
}

function togglePassword() {
  password.type = password.type === 'password' ? 'text' : 'password';
  byId('reveal').ariaPressed = String(password.type === 'text');
  labelReveal();
}

onLanguage(() => {
  if (shown) showProblem(shown);
  labelReveal();
});
startLanguages(byId('language'));
byId('reveal').addEventListener('click', togglePassword);
form.addEventListener('submit', onSubmit);
user.focus();
