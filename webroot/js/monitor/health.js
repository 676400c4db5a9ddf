/** Whether the server does its work. */

import { ApiError, ask } from '../api.js';
import { byId, make, setText } from '../dom.js';
import { age, decimal, NOTHING } from '../format.js';
import { t } from '../i18n.js';
import { Section } from './section.js';

/** @typedef {Record<string, any>} State */
/** @typedef {'good' | 'fair' | 'bad' | ''} Mood */

/** @type {Record<string, (state: State) => [string, Mood]>} */
const FACTS = {
  state: (state) => [t(`health.state.${state.estado}`), moodOf(state.estado)],
  database: (state) => [t(`health.database.${state.base_de_datos}`), state.base_de_datos === 'ok' ? 'good' : 'bad'],
  spool: (state) => [spoolText(state.spool), spoolMood(state.spool)],
  pending: (state) => [number(state.fixes_pendientes), ''],
  reading: (state) => reading(state.lectura_pausada),
  browsers: (state) => [number(state.clientes_websocket), ''],
};

/** @param {string} word @returns {Mood} */
function moodOf(word) {
  if (word === 'ok') return 'good';
  return word === 'degradado' ? 'fair' : 'bad';
}

/** @param {{fixes: number, antiguedad_s: number, lleno: boolean}} spool */
function spoolText(spool) {
  if (!spool.fixes) return t('health.spool.empty');
  const oldest = age(0, spool.antiguedad_s * 1000);
  const text = t('health.spool.some', { fixes: decimal(spool.fixes, 0), age: oldest });
  return spool.lleno ? `${text}, ${t('health.spool.full')}` : text;
}

/** @param {{fixes: number, lleno: boolean}} spool @returns {Mood} */
function spoolMood(spool) {
  if (spool.lleno) return 'bad';
  return spool.fixes ? 'fair' : 'good';
}

/** The server says less while it cannot check who asks. @param {boolean | undefined} paused @returns {[string, Mood]} */
function reading(paused) {
  if (paused === undefined) return [NOTHING, ''];
  return paused ? [t('health.reading.paused'), 'bad'] : [t('health.reading.on'), 'good'];
}

/** @param {number | undefined} value */
function number(value) {
  return value === undefined ? NOTHING : decimal(value, 0);
}

/** 503 has the state too: nothing can be stored. @returns {Promise<State>} */
async function load() {
  try {
    return await ask('health');
  } catch (error) {
    if (error instanceof ApiError && error.answer?.estado) return error.answer;
    throw error;
  }
}

export function createHealth() {
  const values = Object.keys(FACTS).map((fact) => {
    const term = make('dt');
    term.dataset.i18n = `health.${fact}`;
    const value = make('dd');
    byId('health').append(make('div', 'fact', term, value));
    return { fact, value };
  });
  return new Section('health', load, (state) => {
    for (const { fact, value } of values) {
      const [text, mood] = FACTS[fact](state);
      setText(value, text);
      value.dataset.mood = mood;
    }
  });
}
