"""PostgreSQL away for a minute under full load: what the devices, the memory and the spool do."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from msgspec import Struct, json

from benchmarks.consumption import Consumption
from benchmarks.load import Result
from tests.system.server import CHECKOUT, Server, until

SECONDS = 60


class Outage(Struct):
    """What was measured."""

    memory_mb: list[float]
    """Resident memory of the server at the start and after every ten seconds."""
    acknowledged_per_s: float
    spooled: int
    """Fixes in the spool at the end of the outage."""
    spool_mb: float
    is_full: bool
    drained_per_s: float
    """Fixes a second from the spool into PostgreSQL, while nothing else comes."""


def outage(server: Server, consumption: Consumption, devices: int = 500, records: int = 10) -> Outage:
    """Stop PostgreSQL, load the server for a minute, bring it back, wait until the spool is empty."""
    memory = [consumption.memory_mb()]
    server.stop_database()
    load = _load(server.ports["teltonika"], devices, records)
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < SECONDS:
            time.sleep(10)
            memory.append(consumption.memory_mb())
        spool = server.request("GET", "/api/health")[1]["spool"]
        size = sum(part.stat().st_size for part in Path(server.data_dir).glob("spool.sqlite3*")) / 2**20
    finally:
        acknowledged = json.decode(load.communicate()[0], type=Result).fixes
        server.start_database()
    back = time.monotonic()
    until(server.is_drained, "the spool to be empty", 600)
    drained = spool["fixes"] / (time.monotonic() - back)
    return Outage(memory, acknowledged / SECONDS, spool["fixes"], round(size, 1), spool["lleno"], round(drained, 1))


def _load(port: int, devices: int, records: int) -> subprocess.Popen[bytes]:
    arguments = {"port": port, "devices": devices, "records": records, "packets": 40, "seconds": SECONDS}
    command = [sys.executable, "-m", "benchmarks.load", *(f"--{name}={value}" for name, value in arguments.items())]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE)
