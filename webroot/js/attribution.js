/** Makes the attribution of a tile server safe: its words and its links, nothing else. */

/** @param {string} text */
function escape(text) {
  const entities = /** @type {Record<string, string>} */ ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' });
  return text.replace(/[&<>"]/g, (character) => entities[character]);
}

/** @param {Node} node @returns {string} */
function safe(node) {
  if (!(node instanceof HTMLAnchorElement)) return escape(node.textContent ?? '');
  const words = escape(node.textContent ?? '');
  if (node.protocol !== 'https:' && node.protocol !== 'http:') return words;
  return `<a href="${escape(node.href)}" rel="noopener" target="_blank">${words}</a>`;
}

/**
 * Leaflet takes attributions as markup, and those of tile servers are written as markup.
 * @param {string} markup
 */
export function safeAttribution(markup) {
  const parsed = new DOMParser().parseFromString(markup, 'text/html');
  return [...parsed.body.childNodes].map(safe).join('');
}
