/** The WebSocket that never gives up. Knows nothing of the page: the socket, timers and chance are given to it. */

import { backoffDelay } from './backoff.js';

/** @typedef {'connected' | 'reconnecting' | 'disconnected'} ConnectionState */

/**
 * @typedef {object} Surroundings
 * @property {() => WebSocket} open makes a new socket
 * @property {(message: any) => void} onMessage
 * @property {() => void} onChange the state or the time of the next attempt changed
 * @property {() => void} onSessionEnd
 * @property {() => void} [onRefused] the server closed a socket before it opened
 * @property {() => Promise<boolean>} [reachable] whether the server answers at all
 * @property {object} [hello] what the server is told first on each connection
 * @property {() => number} [random]
 */

export const SESSION_ENDED = 4401;

// A handshake into a black hole would otherwise wait for minutes.
const HANDSHAKE_MS = 10000;

export const TOO_MANY = 4429;

// A cut cable closes nothing. The server says something every 15 seconds, or as often as it is told by `expect`.
const SILENT_MS = 45000;
const PROBE_MS = 2000;

export class Connection {
  /** @param {Surroundings} surroundings */
  constructor(surroundings) {
    this._around = surroundings;
    /** @type {ConnectionState} */
    this.state = 'disconnected';
    /** @type {number | null} when the next attempt starts; null while one is under way */
    this.retryAt = null;
    this._attempt = 0;
    /** @type {WebSocket | null} */
    this._socket = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
    this._ended = false;
    this._silentMs = SILENT_MS;
    this._probing = false;
    /** whether the server refused this page because the user has others open */
    this.tooMany = false;
  }

  /** @param {number} seconds the server will say something at least so often; 0: nobody knows */
  expect(seconds) {
    if (seconds > 0) this._silentMs = 3000 * seconds;
  }

  start() {
    if (this._ended || this._socket) return;
    this.retryAt = null;
    const socket = this._around.open();
    this._socket = socket;
    this._listen(socket);
    this._after(HANDSHAKE_MS, () => this._unanswered(socket));
    this._become('reconnecting');
  }

  /** Something made success likelier (network back, tab in view): do not sit out the pause. */
  retryNow() {
    if (this._socket || this._ended) return;
    this._attempt = 0;
    this.start();
  }

  /** The network is gone: a socket may look open for minutes after that. */
  networkLost() {
    if (this._socket) this._drop(this._socket);
    if (!this._ended) this._become('disconnected');
  }

  /** What is said while there is no connection is lost. @param {object} message */
  send(message) {
    if (this.state === 'connected') this._socket?.send(JSON.stringify(message));
  }

  stop() {
    this._ended = true;
    clearTimeout(this._timer);
    this._socket?.close();
    this._socket = null;
    this._become('disconnected');
  }

  /** @param {WebSocket} socket */
  _listen(socket) {
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this._opened(socket);
    };
    socket.onmessage = (event) => this._receive(socket, event.data);
    socket.onclose = (event) => this._closed(socket, event.code, opened);
  }

  /** @param {WebSocket} socket */
  _opened(socket) {
    if (socket !== this._socket) return;
    this._listenFor(socket);
    if (this._around.hello) socket.send(JSON.stringify(this._around.hello));
    this._become('connected');
  }

  /** @param {WebSocket} socket @param {string} text */
  _receive(socket, text) {
    if (socket !== this._socket) return;
    this._listenFor(socket);
    // Only a server that talks has recovered: one that accepts and hangs up must not reset the pauses.
    this._attempt = 0;
    this.tooMany = false;
    this._around.onMessage(JSON.parse(text));
  }

  /** @param {WebSocket} socket @param {number} code @param {boolean} opened */
  _closed(socket, code, opened) {
    if (socket !== this._socket) return;
    this._socket = null;
    if (code === SESSION_ENDED) {
      this.stop();
      this._around.onSessionEnd();
      return;
    }
    this.tooMany = code === TOO_MANY;
    if (!opened) this._around.onRefused?.();
    this._wait();
  }

  /** @param {WebSocket} socket */
  _listenFor(socket) {
    this._after(this._silentMs, () => this._unanswered(socket));
  }

  /** Nothing came back at all: not a server that is down, but a network. @param {WebSocket} socket */
  _unanswered(socket) {
    this._drop(socket);
    this._probe();
  }

  /** A handshake that began while the network was away hangs on after it is back: ask until there is an answer, then begin anew. */
  async _probe() {
    if (this._probing || !this._around.reachable) return;
    this._probing = true;
    while (this.state !== 'connected' && !this._ended) {
      await new Promise((resolve) => setTimeout(resolve, PROBE_MS));
      if (await this._around.reachable()) break;
    }
    this._probing = false;
    if (this.state !== 'connected') this._restart();
  }

  _restart() {
    const socket = this._socket;
    this._socket = null;
    socket?.close();
    this.retryNow();
  }

  /** @param {WebSocket} socket */
  _drop(socket) {
    if (socket !== this._socket) return;
    this._socket = null;
    socket.close();
    this._wait();
  }

  _wait() {
    const delay = backoffDelay(this._attempt, this._around.random);
    this._attempt += 1;
    this.retryAt = Date.now() + delay;
    this._after(delay, () => this.start());
    this._become('reconnecting');
  }

  /** @param {number} delay @param {() => void} action */
  _after(delay, action) {
    clearTimeout(this._timer);
    this._timer = setTimeout(action, delay);
  }

  /** @param {ConnectionState} state */
  _become(state) {
    this.state = state;
    this._around.onChange();
  }
}
