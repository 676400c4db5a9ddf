/** The REST interface of the server. */

import { learnServerTime } from './clock.js';

export const LOGIN_PAGE = '/login';

export class ApiError extends Error {
  /** @param {number} status 0 when there was no answer at all @param {any} [answer] what the server said with it */
  constructor(status, answer = null) {
    super(`HTTP ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
async function request(path, options = {}) {
  const response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...options }).catch(() => {
    throw new ApiError(0);
  });
  learnServerTime(response.headers.get('Date'));
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => null));
  return response.status === 204 ? null : response.json();
}

/** @param {string} path @param {object} body */
function post(path, body) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
  return request(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** An answer that takes longer is none: what asks again by itself must not wait for ever. */
const PATIENCE_MS = 15000;

/** @param {string} path below /api/ @returns {Promise<any>} */
export function ask(path) {
  return withSession(request(`/api/${path}`, { signal: AbortSignal.timeout(PATIENCE_MS) }));
}

/** @param {string} path below /api/ @param {object} body @returns {Promise<any>} */
export function order(path, body) {
  return withSession(post(`/api/${path}`, body));
}

/** @param {string} path below /api/ */
export function remove(path) {
  return withSession(request(`/api/${path}`, { method: 'DELETE' }));
}

/** A page without a session is of no use: back to the login. @param {Promise<any>} answer */
async function withSession(answer) {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) leave();
    throw error;
  }
}

export function leave() {
  window.location.replace(LOGIN_PAGE);
}

/** @param {string} usuario @param {string} clave */
export function login(usuario, clave) {
  return post('/api/login', { usuario, clave });
}

/** Whether the server answers at all, whatever it says. */
export function reachable() {
  return fetch('/api/health', { cache: 'no-store', signal: AbortSignal.timeout(2000) }).then(() => true, () => false);
}

export function logout() {
  return withSession(post('/api/logout', {}));
}

/** @returns {Promise<{version: string, tiles: {url: string, attribution: string}, usuario: string}>} */
export function config() {
  return withSession(request('/api/config'));
}

/** @param {number} id @param {number} limit @returns {Promise<{posiciones: any[]}>} */
export function positions(id, limit) {
  return withSession(request(`/api/moviles/${encodeURIComponent(id)}/posiciones?limite=${limit}`));
}
