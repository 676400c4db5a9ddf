/** What stands beside the map: search, states, list - and on narrow screens the sheet that holds them. */

import { Chips } from './chips.js';
import { byId, setText } from './dom.js';
import { countKinds } from './filter.js';
import { onLanguage, t } from './i18n.js';
import { VehicleList } from './list.js';
import { bindList } from './list_input.js';

/** @typedef {import('./store.js').VehicleStore} VehicleStore */

// Nobody reads faster than this; each vehicle may change many times in between.
const REFRESH_MS = 300;
const TICK_MS = 1000;

export class Panel {
  /** @param {VehicleStore} store @param {(id: number) => void} choose */
  constructor(store, choose) {
    this._store = store;
    this._loaded = false;
    this._due = false;
    this.list = new VehicleList(byId('list'), byId('list-space'), store.vehicles);
    this._chips = new Chips(byId('chips'), (kind) => this._filter({ kind }));
    bindList(byId('list'), this.list, choose);
    this._bindSearch();
    store.subscribe((change) => this._onChange(change));
    onLanguage(() => this._refresh(true));
    setInterval(() => this._refresh(this.list.kind !== null), TICK_MS);
  }

  _bindSearch() {
    const search = /** @type {HTMLInputElement} */ (byId('search'));
    search.addEventListener('input', () => this._filter({ query: search.value }));
    search.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown') byId('list').focus();
    });
  }

  /** @param {{query?: string, kind?: import('./colours.js').Kind | null}} wanted */
  _filter(wanted) {
    Object.assign(this.list, wanted);
    byId('list').scrollTop = 0;
    this._refresh(true);
  }

  /** @param {import('./store.js').Change} change */
  _onChange(change) {
    this._loaded ||= Boolean(change.reset);
    this._namesChanged ||= Boolean(change.reset || change.renamed);
    if (this._due) return;
    this._due = true;
    setTimeout(() => this._refresh(false), this._loaded && !change.reset ? REFRESH_MS : 0);
  }

  /** @param {boolean} relist */
  _refresh(relist) {
    this._due = false;
    if (relist || this._namesChanged) this.list.relist();
    else this.list.paint();
    this._namesChanged = false;
    this._chips.show(countKinds(this._store.vehicles.values()));
    this._showCounts();
  }

  _showCounts() {
    const total = this._store.vehicles.size;
    const shown = this.list.order.length;
    setText(byId('count'), shown === total ? String(total) : `${shown} / ${total}`);
    const empty = byId('list-empty');
    empty.hidden = shown > 0;
    setText(empty, t(!this._loaded ? 'list.loading' : total ? 'list.none' : 'list.empty'));
  }

  /** @param {number | null} id */
  select(id) {
    this.list.selected = id;
    if (id !== null) this.list.reveal(id, true);
    this.list.paint();
  }
}

/** Narrow screens: the list is a sheet that covers part of the map. */
export class Sheet {
  constructor() {
    this._button = byId('sheet-toggle');
    this._button.addEventListener('click', () => this.open(document.body.dataset.sheet !== 'open'));
    byId('search').addEventListener('focus', () => this.open(true));
    this.open(false);
  }

  /** @param {boolean} open */
  open(open) {
    document.body.dataset.sheet = open ? 'open' : 'closed';
    this._button.ariaExpanded = String(open);
  }
}
