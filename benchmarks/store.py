"""``make bench``: how fast the real server stores and acknowledges, beside PostgreSQL's own COPY into the same table.

One run, one machine, one database: the ratio is the figure to compare, the rates are the machine's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import json
from msgspec.structs import asdict

from benchmarks.consumption import Consumption
from benchmarks.copying import FIRST, copy_rate
from benchmarks.load import Result
from benchmarks.outage import outage
from benchmarks.plot import draw
from tests.system.server import CHECKOUT, Server
from waygps import __version__

RESULTS = Path(__file__).with_name("results")
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of the highest rate: the loads at which the time to the acknowledgement is measured."""
Run = dict[str, Any]


class Bench:
    """One server, measured."""

    def __init__(self, server: Server, say: Callable[[str], None]) -> None:
        self._server = server
        self._say = say
        self._consumption = Consumption(server.pid, server.data_dir / "postgres")
        self._acknowledged = 0

    def run(self) -> Run:
        """All figures."""
        result: Run = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "version": __version__}
        before = copy_rate(self._server)
        result["ten"], result["one"] = self._load(records=10, packets=40), self._load(records=1, packets=100)
        result["rate_500"] = self._load(records=1, packets=10, rate=500)
        result["sweep"] = [self._at(share * result["ten"]["rate"]) for share in SHARES]
        after = copy_rate(self._server)
        result["copy_rows_per_s"] = round((before + after) / 2)
        self._say(f"COPY, 1,000 rows a transaction: {before:,.0f} rows/s before, {after:,.0f} after")
        self._tell(result)
        result["acknowledged"], result["stored"] = self._acknowledged, self._stored()
        self._say(f"acknowledged {self._acknowledged:,}, in the history {result['stored']:,}")
        result["outage"] = asdict(outage(self._server, self._consumption))
        self._tell_outage(result["outage"])
        return result

    def _load(self, records: int, packets: int, rate: float = 0.0, devices: int = 500) -> Run:
        """One run of the load against the server's Teltonika port, with the CPU seconds for 100,000 fixes."""
        arguments = {
            "port": self._server.ports["teltonika"],
            "devices": devices,
            "records": records,
            "packets": packets,
            "rate": rate,
        }
        command = [sys.executable, "-m", "benchmarks.load", *(f"--{name}={value}" for name, value in arguments.items())]
        with self._consumption.cpu() as used:
            done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=True)
        result = json.decode(done.stdout, type=Result)
        self._acknowledged += result.fixes
        each = {name: round(seconds / result.fixes * 100_000, 2) for name, seconds in asdict(used).items()}
        return {**asdict(result), "offered": round(rate), "cpu_s_100k": each}

    def _at(self, rate: float) -> Run:
        """About four seconds of this load, 10 records a packet."""
        return self._load(records=10, packets=max(5, round(rate * 4 / 5000)), rate=rate)

    def _stored(self) -> int:
        """Fixes of the load's devices in the history."""
        return int(self._server.rows("SELECT count(*) FROM posiciones_historicas WHERE movil_id < %s", FIRST)[0][0])

    def _tell(self, result: Run) -> None:
        copy = result["copy_rows_per_s"]
        for title, name in (("10 records a packet", "ten"), ("1 record a packet", "one")):
            run = result[name]
            run["of_copy"] = round(run["rate"] / copy, 3)
            used = run["cpu_s_100k"]
            self._say(
                f"stored and acknowledged, 500 devices, {title:<20} {run['rate']:10,.0f} fixes/s   {run['of_copy']:.2f} of COPY"
            )
            self._say(f"    CPU s for 100,000 fixes: WayGPS {used['waygps']} + PostgreSQL {used['postgresql']}")
        for run in (result["rate_500"], *result["sweep"], result["ten"]):
            load = f"at {run['offered']:,} fixes/s" if run["offered"] else "at the highest rate"
            self._say(f"acknowledgement {load:<24} p50 {run['p50_ms']:8.1f} ms   p99 {run['p99_ms']:8.1f} ms")

    def _tell_outage(self, run: Run) -> None:
        memory = " ".join(f"{mb:.0f}" for mb in run["memory_mb"])
        self._say(
            f"PostgreSQL away for 60 s under full load: memory every 10 s {memory} MB, {run['acknowledged_per_s']:,.0f} fixes/s"
        )
        self._say(
            f"    into the spool ({run['spool_mb']} MB, full: {run['is_full']}), out of it {run['drained_per_s']:,.0f} fixes/s"
        )


def main() -> None:
    """Start a server of its own, measure, print, keep JSON and picture."""
    server = Server()
    server.start()
    try:
        result = Bench(server, lambda line: print(line, flush=True)).run()
    finally:
        server.stop()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"store-{result['when'].replace(':', '')}.json"
    path.write_bytes(json.format(json.encode(result)))
    draw(result, path.with_suffix(".png"))
    print(f"kept in {os.path.relpath(path)} and .png")


if __name__ == "__main__":
    main()
