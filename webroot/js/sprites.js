/** The pieces of a marker, each drawn once and then only copied: 5000 copies a frame are cheap, 5000 shadows not. */

import { canvasFont } from './theme.js';

const TURN = 2 * Math.PI;
// A nose turned by less than this looks the same, and there are only so many pictures to keep.
export const HEADINGS = 48;
const MOST_SPRITES = 2000;

/** Radius, border, length of the nose and blur of the shadow, in CSS pixels. */
export const NORMAL = { radius: 11, border: 2.5, nose: 20, blur: 4 };
export const SMALL = { radius: 5, border: 1.5, nose: 10, blur: 1.5 };

/** @typedef {typeof NORMAL} Shape */

export class Sprites {
  constructor() {
    /** @type {Map<string, HTMLCanvasElement>} */
    this._made = new Map();
    this._ratio = 0;
  }

  /** @param {number} ratio device pixels per CSS pixel */
  useRatio(ratio) {
    if (ratio === this._ratio) return;
    this._ratio = ratio;
    this._made.clear();
  }

  /** @param {string} colour @param {Shape} shape @param {number | null} course null for a plain circle */
  marker(colour, shape, course) {
    return course === null ? this._body(colour, shape) : this._pointed(colour, shape, course);
  }

  /** @param {string} colour @param {Shape} shape */
  _body(colour, shape) {
    return this._get(`b${colour}${shape.radius}`, shape.radius + shape.blur + 3, (context) => {
      context.beginPath();
      context.arc(0, 0, shape.radius, 0, TURN);
      paint(context, colour, shape);
    });
  }

  /** @param {string} colour @param {Shape} shape @param {number} course degrees from north */
  _pointed(colour, shape, course) {
    const step = Math.round((((course % 360) + 360) % 360) / (360 / HEADINGS)) % HEADINGS;
    return this._get(`p${colour}${shape.radius}/${step}`, shape.nose + shape.blur + 2, (context) => {
      outlineDrop(context, shape, (step / HEADINGS) * TURN);
      paint(context, colour, shape);
    });
  }

  /** @param {string} text */
  label(text) {
    return this._get(`l${text}`, 12, (context) => {
      context.font = canvasFont(10, 700);
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillStyle = '#14181f';
      context.fillText(text, 0, 0.5, 18);
    });
  }

  /** @param {string} key @param {number} half @param {(context: CanvasRenderingContext2D) => void} draw */
  _get(key, half, draw) {
    let sprite = this._made.get(key);
    if (sprite) return sprite;
    if (this._made.size >= MOST_SPRITES) this._made.clear();
    sprite = picture(half, this._ratio, draw);
    this._made.set(key, sprite);
    return sprite;
  }
}

/** @param {number} half @param {number} ratio @param {(context: CanvasRenderingContext2D) => void} draw */
function picture(half, ratio, draw) {
  const image = document.createElement('canvas');
  // Even, so that the middle is on a pixel.
  image.width = image.height = 2 * Math.ceil(half * ratio);
  const context = /** @type {CanvasRenderingContext2D} */ (image.getContext('2d'));
  context.setTransform(ratio, 0, 0, ratio, image.width / 2, image.height / 2);
  draw(context);
  return image;
}

/**
 * A circle with a tip: the tangents from the tip to the circle.
 * @param {CanvasRenderingContext2D} context
 * @param {Shape} shape
 * @param {number} angle
 */
function outlineDrop(context, shape, angle) {
  const towards = angle - Math.PI / 2;
  const opening = Math.acos(shape.radius / shape.nose);
  context.beginPath();
  context.arc(0, 0, shape.radius, towards + opening, towards - opening + TURN);
  context.lineTo(Math.cos(towards) * shape.nose, Math.sin(towards) * shape.nose);
  context.closePath();
}

/** @param {CanvasRenderingContext2D} context @param {string} colour @param {Shape} shape */
function paint(context, colour, shape) {
  context.lineJoin = 'round';
  context.lineWidth = shape.border * 2;
  context.strokeStyle = '#fff';
  context.save();
  // The shadow is that of the border; it ignores the transformation, so it is measured in device pixels.
  const ratio = context.getTransform().a;
  context.shadowColor = 'rgba(0, 0, 0, 0.4)';
  context.shadowBlur = shape.blur * ratio;
  context.shadowOffsetY = (shape.blur / 3) * ratio;
  context.stroke();
  context.restore();
  context.fillStyle = colour;
  context.fill();
}
