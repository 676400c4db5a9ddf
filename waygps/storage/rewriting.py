"""Moves a vehicle's day from its rows into its segment: reads, encodes, has PostgreSQL decode it again, compares, deletes."""

from __future__ import annotations

import psycopg2.extensions

from waygps.errors import WayGPSError
from waygps.storage.compact import Row, encode
from waygps.storage.months import Month
from waygps.storage.segments import INSERT, arguments

# What the compact form cannot say, and only another program writes, stays as rows: NaN, and a reception in another century.
ABLE = """movil_id = %(movil)s
          AND altitud IS DISTINCT FROM 'NaN' AND hdop IS DISTINCT FROM 'NaN' AND odometro IS DISTINCT FROM 'NaN'
          AND fecha_recepcion < '2200-01-01'"""
OF_THE_DAY = f"""{ABLE} AND fecha_gps >= %(dia)s::timestamp AT TIME ZONE 'UTC'
                 AND fecha_gps < (%(dia)s::timestamp + interval '1 day') AT TIME ZONE 'UTC'"""
SEGMENT = "movil_id = %(movil)s AND dia = %(dia)s"
COLUMNS = """id, movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria, odometro, fecha_gps,
             fecha_recepcion, raw_data, calidad_datos, huella"""
DECODED = f"SELECT d.* FROM posiciones_compactas AS s, LATERAL descompactar(s) AS d WHERE s.{SEGMENT.replace(' dia', ' s.dia')}"
FIXES = f"SELECT {COLUMNS} FROM {{rows}} WHERE {OF_THE_DAY} UNION ALL {DECODED}"
AS_INTEGERS = """
SELECT id, (latitud * 1000000)::int, (longitud * 1000000)::int, (altitud * 100)::int, (velocidad * 100)::int, (rumbo * 100)::int,
       satelites, (hdop * 100)::int, ignicion::int, bateria, (odometro * 100)::bigint,
       (extract(epoch FROM fecha_gps) * 1000000)::bigint, (extract(epoch FROM fecha_recepcion) * 1000000)::bigint,
       array_position('{{excelente,buena,regular,mala}}', calidad_datos::text), raw_data::text, huella
FROM ({fixes}) AS f
"""
# A fingerprint of the day: every column of every fix, as text.
DIGEST = "SELECT count(*), sum(hashtextextended(f::text, 0)) FROM ({fixes}) AS f"


def rewrite(cursor: psycopg2.extensions.cursor, month: Month, which: dict[str, object]) -> int:
    """Move the rows of a vehicle's day into its segment, and give how many there were. In the caller's transaction."""
    fixes = FIXES.format(rows=month.rows)
    # A vehicle that is deleted waits for this, or this for it: no segment is left behind.
    cursor.execute("SELECT FROM moviles WHERE id = %(movil)s FOR KEY SHARE", which)
    cursor.execute(AS_INTEGERS.format(fixes=fixes), which)
    segment = encode(map(Row._make, cursor.fetchall()))
    before = _digest(cursor, fixes, which)
    cursor.execute(f"DELETE FROM posiciones_compactas WHERE {SEGMENT} RETURNING fixes", which)
    had = cursor.fetchone() or (0,)
    cursor.execute(INSERT, arguments(which, segment))
    cursor.execute(f"DELETE FROM {month.rows} WHERE {OF_THE_DAY}", which)
    moved = cursor.rowcount
    if moved + had[0] != segment.fixes or _digest(cursor, fixes, which) != before:
        raise WayGPSError(f"vehicle {which['movil']}, {which['dia']}: the compact form differs from the rows, which are kept")
    return int(moved)


def _digest(cursor: psycopg2.extensions.cursor, fixes: str, which: dict[str, object]) -> tuple[object, ...]:
    cursor.execute(DIGEST.format(fixes=fixes), which)
    return tuple(cursor.fetchone() or ())
