"""``make bench-connections``: ten thousand devices on one process, each reporting every half minute.

How long until all are connected, what a connection costs in memory, and how long the acknowledgement takes meanwhile. Then 2,000
devices come to a server that may have 1,200 open files (benchmarks/open_files.py).
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec import Struct, json
from msgspec.structs import asdict

from benchmarks import open_files
from benchmarks.consumption import Consumption
from benchmarks.load import Device, packets
from tests.system.server import CHECKOUT, Server

RESULTS = Path(__file__).with_name("results")
PERIOD = 30.0
FILES, COMING = 1200, 2000
"""The limit on open files, and the devices that come to it."""
AT_ONCE = 500
"""Connections that are being made at one time."""


class Crowd(Struct):
    """What the devices saw."""

    devices: int
    connecting_s: float
    """From the first connection to the last login that was answered."""
    reports: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


async def connect(port: int, devices: int, reports: int, latencies: list[float]) -> list[Device]:
    """All devices, logged in; each will report ``reports`` times, spread over the period."""
    gate = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()
    start = int(time.time() * 1000) - 3_600_000

    async def one(number: int) -> Device:
        login, made = packets(number, 1, reports, start)
        async with gate:
            _, device = await loop.create_connection(
                lambda: Device(login, iter(made), latencies, PERIOD, PERIOD * number / devices), "127.0.0.1", port
            )
            await device.ready
        return device

    return list(await asyncio.gather(*map(one, range(devices))))


async def crowd(port: int, devices: int, reports: int) -> Crowd:
    """Connect, say so on standard output, report, and give the figures."""
    latencies: list[float] = []
    begun = time.perf_counter()
    all_devices = await connect(port, devices, reports, latencies)
    connecting = time.perf_counter() - begun
    print("connected", flush=True)
    for device in all_devices:
        device.begin()
    await asyncio.gather(*(device.done for device in all_devices))
    latencies.sort()
    at = [round(latencies[int((len(latencies) - 1) * share)] * 1000, 2) for share in (0.5, 0.99, 1.0)]
    return Crowd(devices, round(connecting, 2), len(latencies), *at)


def allow_files(number: int) -> None:
    """Let this process, and those that it starts, have so many open files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        raise SystemExit(f"the limit of open files is {hard}, {number} are needed: ulimit -n {number}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


def measure(devices: int, reports: int) -> dict[str, object]:
    """Start a server, let the crowd in, look at the server's memory before and after."""
    server = Server({"LIMITS_NEW_PER_SECOND": "0", "LIMITS_CONNECTIONS_ADDRESS": "0"})
    server.start()
    try:
        consumption = Consumption(server.pid, server.data_dir / "postgres")
        before = consumption.memory_mb()
        command = [sys.executable, "-m", "benchmarks.connections", "crowd", str(server.ports["teltonika"])]
        command += [str(devices), str(reports)]
        with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE) as running, consumption.cpu() as used:
            assert running.stdout is not None
            assert running.stdout.readline() == b"connected\n"
            connected = consumption.memory_mb()
            result = json.decode(running.stdout.read(), type=Crowd)
        after = consumption.memory_mb()
    finally:
        server.stop()
    kb = (after - before) * 1024 / devices
    memory = {"before_mb": before, "connected_mb": connected, "reporting_mb": after, "kb_a_connection": round(kb, 2)}
    return {"when": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(result), **memory, "cpu_s": asdict(used)}


@click.group(invoke_without_command=True)
@click.option("--devices", default=10_000, type=click.IntRange(1, 50_000))
@click.option("--reports", default=3, type=click.IntRange(1, 20), help="Reports of each device, one in 30 seconds.")
@click.pass_context
def main(context: click.Context, devices: int, reports: int) -> None:
    """Measure, print, keep the JSON."""
    allow_files(devices + 500)
    if context.invoked_subcommand:
        return
    result = measure(devices, reports)
    limited = open_files.measure(FILES, COMING)
    for name, value in [*result.items(), *asdict(limited).items()]:
        print(f"{name:<16} {value}")
    result["open_files"] = limited
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"connections-{str(result['when']).replace(':', '')}.json"
    path.write_bytes(json.format(json.encode(result)))
    print(f"kept in {os.path.relpath(path)}")


@main.command("crowd", hidden=True)
@click.argument("port", type=int)
@click.argument("devices", type=int)
@click.argument("reports", type=int)
def run_crowd(port: int, devices: int, reports: int) -> None:
    """The devices, in a process of their own."""
    allow_files(devices + 500)
    print(json.encode(asyncio.run(crowd(port, devices, reports))).decode())


if __name__ == "__main__":
    main()
