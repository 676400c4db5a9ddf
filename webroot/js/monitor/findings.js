/** Devices that report to a port that is for others. */

import { ask } from '../api.js';
import { now } from '../clock.js';
import { make } from '../dom.js';
import { age, dateTime, decimal, percent } from '../format.js';
import { t } from '../i18n.js';
import { parseTime } from '../vehicle.js';
import { asText } from './bytes.js';
import { addHead, Cells, Rows } from './rows.js';
import { Section } from './section.js';

/** @typedef {Record<string, any>} Finding */
/** @typedef {(kind: string, transport: string) => number | null} PortOf */

const COLUMNS = ['when', 'receiver', 'from', 'whose', 'bytes', 'remedy'];
const MOST = 30;

/** @param {Finding} finding */
function whose(finding) {
  if (!finding.tipo) return t('findings.unknown');
  return finding.puntaje < 1 ? t('findings.likely', { kind: finding.tipo, score: percent(100 * finding.puntaje) }) : finding.tipo;
}

/** @param {number} count @returns {string[]} */
function times(count) {
  return count > 1 ? [t('strangers.times', { count: decimal(count, 0) })] : [];
}

/** @param {Finding} finding @param {PortOf} portOf */
function remedy(finding, portOf) {
  if (finding.atendido) return t('findings.served');
  if (finding.puntaje < 1) return t('findings.nobody');
  const port = portOf(finding.tipo, finding.protocolo);
  return port ? t('findings.move', { port: `${finding.protocolo} ${port}` }) : t('findings.add', { kind: finding.tipo });
}

/**
 * One line for a device that comes again and again, from its host by whatever port.
 * @param {Finding[]} findings the newest first
 * @returns {Finding[]} with how often each came as ``veces``
 */
function together(findings) {
  /** @type {Map<string, Finding>} */
  const lines = new Map();
  for (const finding of findings) {
    const key = keyOf(finding);
    const line = lines.get(key);
    if (line) line.veces += 1;
    else lines.set(key, { ...finding, veces: 1 });
  }
  return [...lines.values()];
}

/** @param {Finding} finding */
function keyOf({ receptor, protocolo, tipo, origen }) {
  return [receptor, protocolo, tipo, origen.slice(0, origen.lastIndexOf(':'))].join('\n');
}

class FindingLine {
  /** @param {PortOf} portOf */
  constructor(portOf) {
    this._portOf = portOf;
    this._cells = new Cells('findings', COLUMNS);
    this.element = make('tbody', '', this._cells.row);
  }

  /** @param {Finding} finding */
  show(finding) {
    const time = parseTime(finding.fecha);
    this._cells.show({
      when: [age(time, now()), ...times(finding.veces)].join(' · '), receiver: `${finding.receptor} (${finding.protocolo})`, from: finding.origen,
      whose: whose(finding), bytes: asText(finding.datos), remedy: remedy(finding, this._portOf),
    });
    this._cells.of.when.title = dateTime(time);
  }
}

/** @param {PortOf} portOf where devices of a type belong */
export function createFindings(portOf) {
  addHead('findings', COLUMNS);
  /** @type {Rows<Finding>} */
  const rows = new Rows('findings', keyOf, () => new FindingLine(portOf));
  return new Section('findings', () => ask('receptores/hallazgos'), ({ hallazgos }) => {
    const lines = together(hallazgos);
    rows.show(lines.slice(0, MOST), lines.length);
  });
}
