/** A part of the page: what it asks the server for, how that is shown, and what is said when there is no answer. */

import { byId, setText } from '../dom.js';
import { onLanguage } from '../i18n.js';
import { problemText } from './problem.js';

/** @template T */
export class Section {
  /**
   * @param {string} name of its elements
   * @param {() => Promise<T>} load
   * @param {(answer: T) => void} show
   */
  constructor(name, load, show) {
    this._problem = byId(`${name}-problem`);
    this._load = load;
    this._show = show;
    /** @type {T | undefined} what is shown */
    this.answer = undefined;
    /** @type {unknown} */
    this._error = null;
    onLanguage(() => this._paint());
  }

  /** @returns {Promise<boolean>} whether the server answered */
  async refresh() {
    try {
      this.answer = await this._load();
      this._error = null;
    } catch (error) {
      this._error = error;
    }
    this._paint();
    return this._error === null;
  }

  _paint() {
    const text = this._error ? problemText(this._error) : '';
    this._problem.hidden = !text;
    setText(this._problem, text);
    if (this.answer !== undefined) this._show(this.answer);
  }
}
