/** One button for each state: legend, count and filter in one. */

import { KINDS } from './colours.js';
import { make, setText } from './dom.js';
import { t } from './i18n.js';

/** @typedef {import('./colours.js').Kind} Kind */

export class Chips {
  /** @param {HTMLElement} box @param {(kind: Kind | null) => void} onPick null for all */
  constructor(box, onPick) {
    this._onPick = onPick;
    /** @type {Kind | null} */
    this.picked = null;
    this._chips = KINDS.map((kind) => this._chip(kind));
    box.append(...this._chips.map((chip) => chip.button));
  }

  /** @param {Kind} kind */
  _chip(kind) {
    const word = make('span');
    const count = make('span', 'chip-count');
    const button = make('button', 'chip', make('span', 'dot'), word, count);
    button.type = 'button';
    button.dataset.kind = kind;
    button.ariaPressed = 'false';
    button.addEventListener('click', () => this._toggle(kind));
    return { kind, button, word, count };
  }

  /** @param {Kind} kind */
  _toggle(kind) {
    this.picked = this.picked === kind ? null : kind;
    for (const chip of this._chips) chip.button.ariaPressed = String(chip.kind === this.picked);
    this._onPick(this.picked);
  }

  /** @param {Record<Kind, number>} counts */
  show(counts) {
    for (const { kind, button, word, count } of this._chips) {
      setText(word, t(`kind.${kind}`));
      setText(count, String(counts[kind]));
      // A state in which no vehicle is would only take room, unless it is what people filter by.
      button.hidden = counts[kind] === 0 && kind !== this.picked;
    }
  }
}
