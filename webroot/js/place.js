/** A place of the map in the address of the page: /#lugar=-34.6,-58.4 */

const PATTERN = /^#lugar=(-?\d{1,3}(?:\.\d{1,8})?),(-?\d{1,3}(?:\.\d{1,8})?)$/;

/** @param {string} hash @returns {[number, number] | null} latitude and longitude */
export function placeOf(hash) {
  const found = PATTERN.exec(hash);
  if (!found) return null;
  const [lat, lon] = [Number(found[1]), Number(found[2])];
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? [lat, lon] : null;
}

/** @param {number} lat @param {number} lon the address of the map that shows this place */
export function placeLink(lat, lon) {
  return `/#lugar=${lat.toFixed(6)},${lon.toFixed(6)}`;
}

/** @param {{look: (place: [number, number]) => void}} scene */
export function showPlace(scene) {
  const show = () => {
    const place = placeOf(window.location.hash);
    if (place) scene.look(place);
  };
  window.addEventListener('hashchange', show);
  show();
}
