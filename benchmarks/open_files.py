"""Part of ``make bench-connections``: more devices come than the server may have open files.

Who is refused, how soon, and whether those connected notice.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import click
from msgspec import Struct, json

from benchmarks.load import Device, packets
from tests.system.server import CHECKOUT, Server

PERIOD = 5.0
"""Seconds between two reports of a device."""


class Outcome(Struct):
    """What the devices saw."""

    files: int
    came: int
    connected: int
    refused: int
    refused_p99_ms: float
    """From the connect to its end by the server."""
    harmed: int
    """Connected ones that lost their connection or were not answered."""
    reports: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


class Arrivals:
    """Devices as they come; those that are let in report."""

    def __init__(self, port: int, reports: int) -> None:
        self._port = port
        self._reports = reports
        self._start = int(time.time() * 1000) - 3_600_000
        self.latencies: list[float] = []
        self.refusals: list[float] = []
        self.connected: list[Device] = []

    async def come(self, number: int, devices: int) -> None:
        """One device; it begins to report when it is logged in."""
        login, made = packets(number, 1, self._reports, self._start)
        begun, loop = time.perf_counter(), asyncio.get_running_loop()
        _, device = await loop.create_connection(
            lambda: Device(login, iter(made), self.latencies, PERIOD, PERIOD * number / devices), "127.0.0.1", self._port
        )
        await asyncio.wait({device.ready, device.done}, return_when=asyncio.FIRST_COMPLETED)
        if device.ready.done():
            self.connected.append(device)
            device.begin()
        else:
            device.done.exception()
            self.refusals.append(time.perf_counter() - begun)


async def arrive(port: int, devices: int, reports: int, files: int) -> Outcome:
    """All of them, a hundred at a time."""
    arrivals, gate = Arrivals(port, reports), asyncio.Semaphore(100)

    async def one(number: int) -> None:
        async with gate:
            await arrivals.come(number, devices)

    await asyncio.gather(*map(one, range(devices)))
    ends = await asyncio.gather(*(device.done for device in arrivals.connected), return_exceptions=True)
    return Outcome(
        files=files,
        came=devices,
        connected=len(arrivals.connected),
        refused=len(arrivals.refusals),
        refused_p99_ms=at(arrivals.refusals, 0.99),
        harmed=sum(isinstance(end, BaseException) for end in ends),
        reports=len(arrivals.latencies),
        p50_ms=at(arrivals.latencies, 0.5),
        p99_ms=at(arrivals.latencies, 0.99),
        longest_ms=at(arrivals.latencies, 1.0),
    )


def at(seconds: list[float], share: float) -> float:
    """Milliseconds within which this share of them was."""
    return round(sorted(seconds)[int((len(seconds) - 1) * share)] * 1000, 2) if seconds else 0.0


def measure(files: int, devices: int, reports: int = 3) -> Outcome:
    """Start a server that may have so many open files, and let the devices come."""
    server = Server(files=files)
    server.start()
    try:
        command = [sys.executable, "-m", "benchmarks.open_files", str(server.ports["teltonika"]), str(devices), str(reports)]
        ran = subprocess.run([*command, str(files)], cwd=CHECKOUT, stdout=subprocess.PIPE, check=True)
        return json.decode(ran.stdout, type=Outcome)
    finally:
        server.stop()


@click.command()
@click.argument("port", type=int)
@click.argument("devices", type=int)
@click.argument("reports", type=int)
@click.argument("files", type=int)
def main(port: int, devices: int, reports: int, files: int) -> None:
    """The devices, in a process of their own."""
    click.echo(json.encode(asyncio.run(arrive(port, devices, reports, files))))


if __name__ == "__main__":
    main()
