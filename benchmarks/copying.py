"""The measure of the store: PostgreSQL's own COPY into the same table, 1,000 rows a transaction over one connection."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime
from random import Random

from tests.system.server import Server

COLUMNS = (
    "movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria, odometro, "
    "fecha_gps, fecha_recepcion, raw_data, calidad_datos, huella"
)
RAW = '{"protocolo":"teltonika","bateria_v":4.0,"alimentacion_v":13.8,"gsm":4,"atributos":{"movement":1}}'
FIRST = 1_000_000
"""The vehicles of these rows are from here on; no device of the load is among them."""


def copy_rate(server: Server, rows: int = 150_000, transaction: int = 1000) -> float:
    """Rows a second, every row a new fix; they are deleted again afterwards."""
    random, start = Random(1), time.time() - 86_400
    blocks = [_block(random, start + block, block * transaction, transaction) for block in range(rows // transaction)]
    connection = server.database()
    connection.autocommit = False
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        for block in blocks:
            cursor.copy_expert(f"COPY posiciones_recientes ({COLUMNS}) FROM STDIN", io.StringIO(block))
            connection.commit()
    seconds = time.perf_counter() - begun
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM posiciones_recientes WHERE movil_id >= %s", (FIRST,))
        cursor.execute("VACUUM posiciones_recientes")
    connection.close()
    return rows / seconds


def _block(random: Random, start: float, first: int, count: int) -> str:
    """Rows of 500 vehicles."""
    lines = []
    for row in range(first, first + count):
        moment = datetime.fromtimestamp(start + row / 500, UTC).isoformat()
        values = (
            FIRST + row % 500,
            f"{-34.6 + random.uniform(-0.3, 0.3):.7f}",
            f"{-58.4 + random.uniform(-0.3, 0.3):.7f}",
            25,
            random.randrange(90),
            random.randrange(360),
            random.randrange(5, 15),
            r"\N",
            "t",
            r"\N",
            random.randrange(100_000),
            moment,
            moment,
            RAW,
            "buena",
            random.randrange(2**31),
        )
        lines.append("\t".join(map(str, values)))
    return "\n".join(lines) + "\n"
