/** What the popup of a vehicle says. */

import { now } from './clock.js';
import { kindOf } from './colours.js';
import { make, setText } from './dom.js';
import * as format from './format.js';
import { hasWord, t } from './i18n.js';
import { translateTree } from './translate.js';

/** @typedef {import('./vehicle.js').Vehicle} Vehicle */

/** @type {Record<string, (vehicle: Vehicle) => string>} */
const FIELDS = {
  speed: (vehicle) => format.speed(vehicle.velocidad),
  course: (vehicle) => format.course(vehicle.rumbo),
  ignition: (vehicle) => format.onOff(vehicle.ignicion),
  position: (vehicle) => format.position(vehicle.lat, vehicle.lon),
  battery: (vehicle) => format.percent(vehicle.bateria),
  satellites: (vehicle) => (vehicle.satelites === null ? format.NOTHING : String(vehicle.satelites)),
  quality: (vehicle) => quality(vehicle.calidad),
  imei: (vehicle) => vehicle.imei ?? format.NOTHING,
  fixed: (vehicle) => format.dateTime(vehicle.fixedAt),
  updated: (vehicle) => `${format.dateTime(vehicle.receivedAt)} (${format.age(vehicle.receivedAt, now())})`,
};

/** @param {string | null} word as the server has it */
function quality(word) {
  if (word === null) return format.NOTHING;
  return hasWord(`quality.${word}`) ? t(`quality.${word}`) : String(word);
}

/** @param {string} className @param {() => void} onClick */
function button(className, onClick) {
  const made = make('button', className);
  made.type = 'button';
  made.addEventListener('click', onClick);
  return made;
}

export class VehicleCard {
  /** @param {{onClose: () => void, onFollow: (on: boolean) => void}} told */
  constructor(told) {
    this._follows = false;
    this._name = make('h2', 'card-name');
    this._kind = make('span', 'card-kind');
    this._follow = button('card-follow', () => told.onFollow(!this._follows));
    const close = button('icon-button icon-close', told.onClose);
    close.dataset.i18nLabel = 'popup.close';
    /** @type {Map<string, HTMLElement>} */
    this._values = new Map(Object.keys(FIELDS).map((field) => [field, make('dd')]));
    const head = make('header', 'card-head', this._name, close);
    const line = make('div', 'card-line', this._kind, this._follow);
    this.element = make('article', 'card', head, line, make('dl', 'card-fields', ...this._fields()));
  }

  *_fields() {
    for (const [field, value] of this._values) {
      const term = make('dt');
      term.dataset.i18n = `field.${field}`;
      const element = make('div', 'card-field', term, value);
      element.dataset.field = field;
      yield element;
    }
  }

  translate() {
    translateTree(this.element);
    this.follow(this._follows);
  }

  /** @param {boolean} on */
  follow(on) {
    this._follows = on;
    this._follow.ariaPressed = String(on);
    setText(this._follow, t(on ? 'popup.following' : 'popup.follow'));
  }

  /** @param {Vehicle} vehicle */
  show(vehicle) {
    const kind = kindOf(vehicle);
    this.element.dataset.kind = kind;
    setText(this._name, format.nameOf(vehicle));
    setText(this._kind, t(`kind.${kind}`));
    for (const [field, value] of this._values) setText(value, FIELDS[field](vehicle));
  }
}
