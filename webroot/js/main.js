/** Puts the page together. */

import { config } from './api.js';
import { showWaiting } from './badge.js';
import { byId } from './dom.js';
import { connect } from './live.js';
import { showPlace } from './place.js';
import { Poller } from './poller.js';
import { createScene } from './scene.js';
import { bindLogout, showSession } from './session.js';
import { showConnection, startStatus } from './status.js';
import { VehicleStore } from './store.js';
import { alertText, alertTitle, toast } from './toasts.js';
import { startLanguages } from './translate.js';

startLanguages(byId('language'));

const store = new VehicleStore();
const scene = createScene(store);
const connection = connect(store, {
  onAlert: (type, message) => toast(alertTitle(type), alertText(type, message)),
  onChange: (changed) => {
    showConnection(changed);
    if (changed.state === 'connected') configure();
  },
});

let configured = false;

/** Again after each connection until it worked: the page may have been opened before the server was. */
async function configure() {
  if (configured) return;
  configured = true;
  try {
    const answer = await config();
    showSession(answer);
    scene.addTiles(answer.tiles);
  } catch {
    configured = false;
  }
}

bindLogout(() => connection.stop());
startStatus(connection);
connection.start();
configure();
showPlace(scene);
new Poller(showWaiting, 15000).start();

// For tests and for the curious; nothing in the page reads it.
Object.assign(window, { waygps: { vehicles: store.vehicles, screenPosition: scene.screenPosition, map: scene.map } });
