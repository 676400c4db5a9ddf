/** Bytes as people read them. Pure. */

const PRINTABLE = /[\x20-\x7e]/;

/** @param {string} hex @returns {string} in groups of two digits */
export function spaced(hex) {
  return hex.match(/../g)?.join(' ') ?? '';
}

/** @param {string} hex @returns {string} each byte a character: what is no printable ASCII is a dot */
export function asText(hex) {
  const letters = (hex.match(/../g) ?? []).map((pair) => String.fromCharCode(parseInt(pair, 16)));
  return letters.map((letter) => (PRINTABLE.test(letter) ? letter : '·')).join('');
}
