"""``make bench-crowds``: how long honest devices wait while a crowd that means no good is at their receiver, and the memory."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec import Struct, json

from benchmarks.attackers import KINDS, Outcome
from benchmarks.consumption import Consumption, Cpu
from benchmarks.honest import Heard, Honest
from protocols.generic import generic
from protocols.teltonika import teltonika
from tests.system.server import CHECKOUT, Server
from waygps.interfaces import IVendor

RESULTS = Path(__file__).with_name("results")
VENDORS: dict[str, IVendor] = {"lengths": teltonika}
"""Whose receiver a crowd is at; the others are at the generic one."""


class Measured(Struct):
    """Honest devices beside a crowd."""

    crowd: str
    reports: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    faults: list[str]
    before_mb: float
    """Resident memory of the server before the crowd came."""
    highest_mb: float
    after_mb: float
    cpu_s: Cpu
    outcome: Outcome | None


async def started(kind: str, port: int, seconds: float, *options: str) -> Process:
    """A crowd of this kind, in a process of its own, at full strength."""
    command = [sys.executable, "-m", "benchmarks.attackers", kind, "--port", str(port), "--seconds", str(seconds), *options]
    running = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, stdout=PIPE)
    assert running.stdout is not None
    assert await running.stdout.readline() == b"ready\n"
    return running


async def ended(running: Process) -> Outcome:
    """What became of it."""
    output, _ = await running.communicate()
    return json.decode(output, type=Outcome)


async def beside(server: Server, kind: str, seconds: float) -> Measured:
    """Honest devices and, unless ``kind`` is "nobody", the crowd, at one receiver."""
    vendor = VENDORS.get(kind, generic)
    port, consumption = server.ports[vendor.name], Consumption(server.pid, server.data_dir / "postgres")
    async with Honest(vendor, port) as honest:
        await asyncio.sleep(2)
        honest.heard, before = Heard(), consumption.memory_mb()
        crowd = asyncio.create_task(_crowd(kind, port, seconds))
        highest = before
        with consumption.cpu() as used:
            while not crowd.done():
                await asyncio.sleep(0.2)
                highest = max(highest, consumption.memory_mb())
    heard = honest.heard
    return Measured(
        crowd=kind,
        reports=heard.acknowledged,
        p50_ms=heard.at(0.5),
        p99_ms=heard.at(0.99),
        longest_ms=heard.at(1.0),
        faults=heard.faults,
        before_mb=round(before, 1),
        highest_mb=round(highest, 1),
        after_mb=round(consumption.memory_mb(), 1),
        cpu_s=used,
        outcome=crowd.result(),
    )


async def _crowd(kind: str, port: int, seconds: float) -> Outcome | None:
    if kind == "nobody":
        await asyncio.sleep(seconds)
        return None
    return await ended(await started(kind, port, seconds, "--nice"))


def measure(seconds: float) -> list[Measured]:
    """Every crowd in turn, at one server with the default limits."""
    server = Server()
    server.start()
    try:
        return [asyncio.run(beside(server, kind, seconds)) for kind in ("nobody", *KINDS)]
    finally:
        server.stop()


@click.command()
@click.option("--seconds", default=10.0, type=click.FloatRange(2, 120), help="For each crowd.")
def main(seconds: float) -> None:
    """Measure, print, keep the JSON."""
    results = measure(seconds)
    for result in results:
        print(f"{result.crowd:<8} reports {result.reports:>5}   p50 {result.p50_ms:>6} ms   p99 {result.p99_ms:>6} ms", end="")
        print(f"   longest {result.longest_ms:>7} ms   memory {result.before_mb} -> {result.highest_mb} MB", end="")
        print(f"   CPU {result.cpu_s.waygps:.1f} s", end="")
        if result.outcome:
            print(f"   {result.outcome.rate:.0f} connections/s, {result.outcome.ended} ended by the server", end="")
            print(f", {result.outcome.sent_mb} MB sent", end="")
        print("".join(f"\n         {fault}" for fault in result.faults))
    RESULTS.mkdir(exist_ok=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    path = RESULTS / f"crowds-{when.replace(':', '')}.json"
    path.write_bytes(json.format(json.encode({"when": when, "crowds": results})))
    print(f"kept in {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
