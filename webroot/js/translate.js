/** Puts the words of the current language into the page, and remembers which language that is. */

import { language, onLanguage, pickLanguage, setLanguage, t } from './i18n.js';

const STORED = 'waygps.language';

/** data-i18n-… attribute of the page -> attribute that it fills */
const ATTRIBUTES = { i18nLabel: 'aria-label', i18nPlaceholder: 'placeholder', i18nTitle: 'title' };

/** @param {ParentNode} root */
export function translateTree(root) {
  for (const element of root.querySelectorAll('[data-i18n]')) {
    element.textContent = t(/** @type {HTMLElement} */ (element).dataset.i18n ?? '');
  }
  for (const [name, attribute] of Object.entries(ATTRIBUTES)) translateAttribute(root, name, attribute);
}

/** @param {ParentNode} root @param {string} name @param {string} attribute */
function translateAttribute(root, name, attribute) {
  const selector = `[data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`;
  for (const element of root.querySelectorAll(selector)) {
    element.setAttribute(attribute, t(/** @type {HTMLElement} */ (element).dataset[name] ?? ''));
  }
}

/** Private windows may forbid storage; the page works without. */
function stored() {
  try {
    return window.localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** @param {string} wanted */
function remember(wanted) {
  try {
    window.localStorage.setItem(STORED, wanted);
  } catch {
    // Then the choice lasts as long as the page.
  }
}

function translatePage() {
  document.documentElement.lang = language();
  translateTree(document);
}

/** @param {HTMLElement} button the one that switches between the languages */
export function startLanguages(button) {
  onLanguage(translatePage);
  button.addEventListener('click', () => {
    setLanguage(language() === 'es' ? 'en' : 'es');
    remember(language());
  });
  setLanguage(pickLanguage([stored() ?? '', ...navigator.languages]));
}
