/** gps_batch: vehicles as arrays, whose values the server named once. Pure. */

export class Rows {
  constructor() {
    /** @type {string[]} */
    this._fields = [];
  }

  /** @param {string[]} fields the names of a row's values, mobile_id first */
  learn(fields) {
    this._fields = fields;
  }

  /**
   * @param {any[][]} rows
   * @returns {{id: number, data: Record<string, any>}[]} as gps_update has them; `trail` has the points between
   */
  read(rows) {
    return rows.map((row) => {
      /** @type {Record<string, any>} */
      const data = { trail: row[this._fields.length] ?? [] };
      this._fields.forEach((name, at) => (data[name] = row[at]));
      return { id: data.mobile_id, data };
    });
  }
}
