"""``make bench``: how fast the real server stores and acknowledges, beside PostgreSQL's own COPY into the same table.

One run, one machine, one database: the ratio is the figure to compare, the rates are the machine's.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from msgspec import json

from benchmarks.load import Result
from tests.system.server import CHECKOUT, Server

RESULTS = Path(__file__).with_name("results")
COLUMNS = (
    "movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria, odometro, "
    "fecha_gps, fecha_recepcion, raw_data, calidad_datos, huella"
)
RAW = '{"protocolo":"teltonika","bateria_v":4.0,"alimentacion_v":13.8,"gsm":4,"atributos":{"movement":1}}'


def copy_rate(server: Server, rows: int = 150_000, transaction: int = 1000) -> float:
    """Rows a second of COPY into the history, 1,000 rows a transaction over one connection, every row a new fix."""
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
    connection.close()
    return rows / seconds


def _block(random: Random, start: float, first: int, count: int) -> str:
    """Rows of 500 vehicles that no device of the load is."""
    lines = []
    for row in range(first, first + count):
        moment = datetime.fromtimestamp(start + row / 500, UTC).isoformat()
        values = (
            1_000_000 + row % 500,
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
            RAW.replace("\\", "\\\\"),
            "buena",
            random.randrange(2**31),
        )
        lines.append("\t".join(map(str, values)))
    return "\n".join(lines) + "\n"


def load(server: Server, records: int, packets: int, rate: float = 0.0, devices: int = 500) -> Result:
    """One run of the load against the server's Teltonika port."""
    arguments = {"port": server.ports["teltonika"], "devices": devices, "records": records, "packets": packets, "rate": rate}
    command = [sys.executable, "-m", "benchmarks.load", *(f"--{name}={value}" for name, value in arguments.items())]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=True)
    return json.decode(done.stdout, type=Result)


def stored(server: Server) -> int:
    """Fixes of the load's devices in the history."""
    return int(server.rows("SELECT count(*) FROM posiciones_historicas WHERE movil_id < 1000000")[0][0])


def measure(server: Server, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures of one run."""
    before = copy_rate(server)
    ten, one = load(server, records=10, packets=40), load(server, records=1, packets=100)
    idle = load(server, records=1, packets=10, rate=500)
    half = load(server, records=10, packets=10, rate=ten.rate / 2)
    after = copy_rate_again(server)
    copy = (before + after) / 2
    expected = sum(result.fixes for result in (ten, one, idle, half))
    say(
        f"COPY into the same table, 1,000 rows a transaction    {copy:10,.0f} rows/s   (before {before:,.0f}, after {after:,.0f})"
    )
    for title, result in (("10 records a packet", ten), ("1 record a packet", one)):
        say(f"stored and acknowledged, 500 devices, {title:<20} {result.rate:10,.0f} fixes/s  {result.rate / copy:.2f} of COPY")
    for title, result in (("highest rate, 10 records", ten), ("half of that", half), ("500 fixes/s", idle)):
        say(f"acknowledgement at {title:<26} p50 {result.p50_ms:8.1f} ms   p99 {result.p99_ms:8.1f} ms")
    say(f"acknowledged {expected:,}, in the history {stored(server):,}")
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "copy_rows_per_s": round(copy),
        "ratio_10_records": round(ten.rate / copy, 3),
        "ratio_1_record": round(one.rate / copy, 3),
        "runs": {"ten": ten, "one": one, "rate_500": idle, "half": half},
        "acknowledged": expected,
        "stored": stored(server),
    }


def copy_rate_again(server: Server) -> float:
    """COPY once more, of other rows, so that a machine that changed its speed meanwhile is noticed."""
    connection = server.database()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM posiciones_recientes WHERE movil_id >= 1000000")
        cursor.execute("VACUUM posiciones_recientes")
    connection.close()
    return copy_rate(server)


def main() -> None:
    """Start a server of its own, measure, print, keep the JSON."""
    server = Server()
    server.start()
    try:
        result = measure(server, lambda line: print(line, flush=True))
    finally:
        server.stop()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"store-{result['when'].replace(':', '')}.json"
    path.write_bytes(json.format(json.encode(result)))
    print(f"kept in {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
