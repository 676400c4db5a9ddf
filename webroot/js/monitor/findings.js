/** Devices that report to a port that is for others. */

import { ask } from '../api.js';
import { now } from '../clock.js';
import { make } from '../dom.js';
import { age, dateTime, percent } from '../format.js';
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

/** @param {Finding} finding @param {PortOf} portOf */
function remedy(finding, portOf) {
  if (finding.atendido) return t('findings.served');
  if (finding.puntaje < 1) return t('findings.nobody');
  const port = portOf(finding.tipo, finding.protocolo);
  return port ? t('findings.move', { port: `${finding.protocolo} ${port}` }) : t('findings.add', { kind: finding.tipo });
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
      when: age(time, now()), receiver: `${finding.receptor} (${finding.protocolo})`, from: finding.origen,
      whose: whose(finding), bytes: asText(finding.datos), remedy: remedy(finding, this._portOf),
    });
    this._cells.of.when.title = dateTime(time);
  }
}

/** @param {PortOf} portOf where devices of a type belong */
export function createFindings(portOf) {
  addHead('findings', COLUMNS);
  /** @type {Rows<Finding>} */
  const rows = new Rows('findings', (finding) => `${finding.fecha} ${finding.receptor} ${finding.origen}`, () => new FindingLine(portOf));
  return new Section('findings', () => ask('receptores/hallazgos'), ({ hallazgos: all }) => rows.show(all.slice(0, MOST), all.length));
}
