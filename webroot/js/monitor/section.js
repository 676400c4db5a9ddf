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
    this._name = name;
    this._problem = byId(`${name}-problem`);
    this._load = load;
    this._show = show;
    /** @type {T | undefined} what is shown */
    this.answer = undefined;
    /** @type {unknown} why there is no answer now */
    this._error = null;
    /** Whether the same is said above all sections. */
    this.isToldAbove = false;
    onLanguage(() => this.paint());
  }

  /** What is wrong, in the language of the page; empty while all is well. */
  get problem() {
    return this._error ? problemText(this._error) : '';
  }

  async refresh() {
    try {
      this.answer = await this._load();
      this._error = null;
    } catch (error) {
      this._error = error;
    }
  }

  paint() {
    const { problem } = this;
    this._problem.hidden = !problem || this.isToldAbove;
    setText(this._problem, problem);
    byId(this._name).classList.toggle('stale', Boolean(problem));
    if (this.answer !== undefined) this._show(this.answer);
  }
}
