/** Elements for a list of things that changes: each keeps its element, so that the keyboard and what is open stay where they are. */

import { byId, make, setText } from '../dom.js';
import { t } from '../i18n.js';

/**
 * @template T
 * @typedef {{element: HTMLElement, show: (item: T) => void}} Line
 */

/** @template T */
export class Rows {
  /**
   * @param {string} name of the container, and of what stands around it
   * @param {(item: T) => string | number} key
   * @param {(item: T) => Line<T>} build
   */
  constructor(name, key, build) {
    this._name = name;
    this._box = byId(name);
    this._key = key;
    this._build = build;
    /** @type {Map<string | number, Line<T>>} */
    this._lines = new Map();
  }

  /** @param {T[]} items @param {number} [total] where more than these are there */
  show(items, total = items.length) {
    const wanted = new Map(items.map((item) => [this._key(item), item]));
    for (const [key, line] of this._lines) if (!wanted.has(key)) this._remove(key, line);
    let before = this._box.querySelector(':scope > thead')?.nextElementSibling ?? this._box.firstElementChild;
    if (before?.tagName === 'THEAD') before = null;
    for (const [key, item] of wanted) {
      const line = this._line(key, item);
      if (line.element === before) before = before.nextElementSibling;
      else this._box.insertBefore(line.element, before);
      line.show(item);
    }
    this._box.hidden = items.length === 0;
    byId(`${this._name}-empty`).hidden = items.length > 0;
    setText(byId(`${this._name}-count`), total ? String(total) : '');
  }

  /** @param {string | number} key @param {T} item */
  _line(key, item) {
    let line = this._lines.get(key);
    if (!line) this._lines.set(key, (line = this._build(item)));
    return line;
  }

  /** @param {string | number} key @param {Line<T>} line */
  _remove(key, line) {
    const hadFocus = line.element.contains(document.activeElement);
    this._lines.delete(key);
    line.element.remove();
    if (hadFocus) byId(`${this._name}-title`).focus();
  }
}

/** The head of a table. @param {string} name @param {string[]} columns keys of words below the name */
export function addHead(name, columns) {
  const cells = columns.map((column) => {
    const cell = make('th');
    cell.scope = 'col';
    cell.dataset.i18n = `${name}.${column}`;
    return cell;
  });
  byId(name).prepend(make('thead', '', make('tr', '', ...cells)));
}

/** The cells of a row; on narrow screens each has the name of its column beside it. */
export class Cells {
  /** @param {string} name @param {string[]} columns */
  constructor(name, columns) {
    this._name = name;
    /** @type {Record<string, HTMLTableCellElement>} */
    this.of = Object.fromEntries(columns.map((column) => [column, make('td', `${name}-${column}`)]));
    this.row = make('tr', '', ...Object.values(this.of));
  }

  /** @param {Record<string, string>} texts by column */
  show(texts) {
    for (const [column, cell] of Object.entries(this.of)) cell.dataset.label = t(`${this._name}.${column}`);
    for (const [column, text] of Object.entries(texts)) setText(this.of[column], text);
  }
}

/** @param {string} className @param {() => void} onClick */
export function button(className, onClick) {
  const made = make('button', `button ${className}`);
  made.type = 'button';
  made.addEventListener('click', onClick);
  return made;
}

/** What a button does is in its text, and to what in its label. @param {HTMLElement} made @param {string} text @param {string} what */
export function nameButton(made, text, what) {
  setText(made, text);
  made.setAttribute('aria-label', `${text}: ${what}`);
}
