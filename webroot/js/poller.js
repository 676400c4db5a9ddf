/** Does something again and again while somebody looks at the page. */

export class Poller {
  /** @param {() => Promise<unknown>} action has its own way with errors @param {number} pause milliseconds */
  constructor(action, pause) {
    this._action = action;
    this._pause = pause;
    this._running = false;
    this._again = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
  }

  start() {
    document.addEventListener('visibilitychange', () => this.now());
    window.addEventListener('online', () => this.now());
    this.now();
  }

  /** Now, and not only when the pause is over; once more where it is under way. */
  async now() {
    clearTimeout(this._timer);
    if (document.visibilityState !== 'visible') return;
    this._again = this._running;
    if (this._running) return;
    this._running = true;
    await this._action().catch(() => undefined);
    this._running = false;
    this.in(this._again ? 0 : this._pause);
  }

  /** @param {number} delay milliseconds from now, in place of what is left of the pause */
  in(delay) {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this.now(), delay);
  }
}
