"""A PostgreSQL with a long history in it, as live traffic leaves it: in order of time, a vehicle's rows scattered."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions

from waygps.storage.areas import install_areas
from waygps.storage.embedded import EmbeddedPostgres
from waygps.storage.migrations import migrate

VEHICLES, FLEET = 2000, 10_000
"""How many have a history, and how many there are in ``moviles``."""
CHUNK = 500
"""Reports of every vehicle a transaction while filling."""

# Vehicle v's report k: on its round trip in its city, in turn with the others; 3 % of the fixes are dubious.
FILL = """
INSERT INTO posiciones_recientes (movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, odometro,
                                  fecha_gps, fecha_recepcion, raw_data, calidad_datos, huella)
SELECT v, (ARRAY[-34.6037, -31.42, -32.95, -38.0])[1 + v %% 4] + 0.05 * sin(v) + 0.02 * sin(k * (0.011 + v %% 13 * 0.002)),
       (ARRAY[-58.4416, -64.18, -60.66, -57.55])[1 + v %% 4] + 0.06 * cos(v * 1.7) + 0.02 * cos(k * (0.007 + v %% 11 * 0.003)),
       25, (k * 7 + v) %% 90, (k * 13 + v) %% 360, 5 + (k + v) %% 10, 0.9, true, round(k * 0.35, 2),
       t, t + interval '1.5 seconds',
       '{"protocolo":"teltonika","bateria_v":4.0,"alimentacion_v":13.8,"gsm":4,"atributos":{"movement":1}}',
       CASE (k + v) %% 67 WHEN 0 THEN 'mala' WHEN 1 THEN 'regular' ELSE 'buena' END, hashint4(k::int) # v
FROM generate_series(%(first)s, %(last)s) AS k, generate_series(1, %(vehicles)s) AS v,
     LATERAL (SELECT %(start)s + (k + v / %(vehicles)s::float8) * %(step)s AS t OFFSET 0) AS moment
"""
MOVILES = """
INSERT INTO moviles (imei, patente, ultimo_lat, ultimo_lon, ultima_velocidad_kmh, ultimo_rumbo, ignicion, bateria_porcentaje,
                     calidad_senal, fecha_gps, fecha_recepcion, estado_conexion)
SELECT (356307040000000 + n)::text, 'AB ' || n, (ARRAY[-34.6037, -31.42, -32.95, -38.0])[1 + n %% 4] + 0.05 * sin(n),
       (ARRAY[-58.4416, -64.18, -60.66, -57.55])[1 + n %% 4] + 0.06 * cos(n * 1.7), n %% 90, n %% 360, true, 95, 9, now(), now(),
       'conectado'
FROM generate_series(1, %s) AS n
"""


@contextmanager
def server() -> Iterator[str]:
    """The URL of an embedded PostgreSQL with the schema, which is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="waygps-history-", dir=os.environ.get("BENCH_DIR")))
    directory.chmod(0o755)
    embedded = EmbeddedPostgres(directory)
    try:
        url = embedded.open()
        with connected(url) as connection:
            connection.autocommit = False
            migrate(connection)
            install_areas(connection)
        yield url
    finally:
        embedded.abandon()
        shutil.rmtree(directory)


@contextmanager
def connected(url: str) -> Iterator[psycopg2.extensions.connection]:
    """A blocking connection, each statement a transaction of its own."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def fill(url: str, rows: int, days: float) -> dict[str, Any]:
    """Write so many rows of so many days up to now over two connections, in turns; how long it took, and their size."""
    reports = rows // VEHICLES
    start, step = datetime.now(UTC) - timedelta(days=days), timedelta(days=days) / reports
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET max_wal_size = '4GB'")
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute(
            "SELECT asegurar_particion(%s + n * interval '1 day') FROM generate_series(0, %s) AS n", (start, int(days) + 2)
        )
        cursor.execute(MOVILES, (FLEET,))

    def write(first: int) -> None:
        values = {"first": first, "last": min(first + CHUNK, reports) - 1, "vehicles": VEHICLES, "start": start, "step": step}
        with connected(url) as connection, connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            cursor.execute(FILL, values)

    begun = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(0, reports, CHUNK)))
    seconds = time.perf_counter() - begun
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE posiciones_recientes")
        cursor.execute("VACUUM ANALYZE moviles")
        cursor.execute(
            "SELECT sum(pg_table_size(inhrelid)), sum(pg_indexes_size(inhrelid)) FROM pg_inherits "
            "WHERE inhparent = 'posiciones_recientes'::regclass"
        )
        table, indexes = cursor.fetchone() or (0, 0)
    return {"rows_per_s": round(rows / seconds), "row_bytes": round(table / rows), "index_bytes": round(indexes / rows)}
