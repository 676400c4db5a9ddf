/** Puts the monitoring page together. */

import { config } from '../api.js';
import { now } from '../clock.js';
import { byId, setText } from '../dom.js';
import { age } from '../format.js';
import { onLanguage, t } from '../i18n.js';
import { connectToAlerts } from '../live.js';
import { Poller } from '../poller.js';
import { bindLogout, showSession } from '../session.js';
import { showConnection, startStatus } from '../status.js';
import { toast } from '../toasts.js';
import { startLanguages } from '../translate.js';
import { addAlert, bindAlerts } from './alerts.js';
import { bindDialog } from './dialog.js';
import { createFindings } from './findings.js';
import { createHealth } from './health.js';
import { problemText } from './problem.js';
import { createQuarantine } from './quarantine.js';
import { createReceivers } from './receivers.js';
import { createStrangers } from './strangers.js';

const EVERY_MS = 5000;
/** A server follows an order within this time. */
const FOLLOWED_MS = 700;

/** @type {number | null} when all of the page was known last */
let updatedAt = null;

/** After an order: what it did, at once and when the server has followed. */
async function look() {
  await poller.now();
  poller.in(FOLLOWED_MS);
}

const receivers = createReceivers(look, (error) => toast(t('toast.alert'), problemText(error)));
const sections = [createHealth(), createQuarantine(look), receivers, createFindings(portOf), createStrangers()];
const poller = new Poller(refresh, EVERY_MS);

/** @param {string} kind @param {string} transport @returns {number | null} */
function portOf(kind, transport) {
  /** @type {Record<string, any>[]} */
  const known = receivers.answer?.receptores ?? [];
  return known.find((each) => each.abierto && each.tipo === kind && each.protocolo === transport)?.puerto_usado ?? null;
}

async function refresh() {
  await Promise.all(sections.map((section) => section.refresh()));
  if (sections.every((section) => !section.problem)) updatedAt = now();
  showUpdated();
  showProblems();
  for (const section of sections) section.paint();
}

/** What is wrong with several sections is said once. */
function showProblems() {
  const problems = sections.map((section) => section.problem);
  const shared = problems.find((text, index) => text && problems.indexOf(text, index + 1) > 0) ?? '';
  byId('page-problem').hidden = !shared;
  setText(byId('page-problem'), shared);
  for (const section of sections) section.isToldAbove = section.problem === shared;
}

function showUpdated() {
  setText(byId('updated'), updatedAt === null ? t('monitor.never') : t('monitor.updated', { age: age(updatedAt, now()) }));
}

let configured = false;

/** Again after each connection until it worked. */
async function configure() {
  if (configured) return;
  configured = true;
  await config().then(showSession).catch(() => (configured = false));
}

const connection = connectToAlerts({
  onAlert: addAlert,
  onChange: (changed) => {
    showConnection(changed);
    if (changed.state !== 'connected') return;
    configure();
    poller.now();
  },
});

bindAlerts();
bindDialog();
onLanguage(showUpdated);
onLanguage(showProblems);
startLanguages(byId('language'));
bindLogout(() => connection.stop());
startStatus(connection);
setInterval(showUpdated, 1000);
connection.start();
configure();
poller.start();
