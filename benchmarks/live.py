"""``make bench-live``: many clients, many vehicles, one process.

How old is what each client sees; what does it cost the devices; how long from a device's bytes to a client's message; what does a
client cost that never reads. Two loads run beside the server - devices and clients -, each a process of its own, and say what
they used themselves.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from msgspec import json
from msgspec.structs import asdict

from benchmarks.connections import allow_files
from benchmarks.consumption import Consumption
from benchmarks.load import Result
from benchmarks.reporting import Reported
from benchmarks.watching import Watched
from tests.system.server import CHECKOUT, Server
from waygps import __version__

RESULTS = Path(__file__).with_name("results")
SETTINGS = {
    "LIVE_CONNECTIONS_USER": "0",
    "LIVE_MESSAGES_PER_SECOND": "1000000",
    "LIVE_STALLED": "3600",
    "LIMITS_NEW_PER_SECOND": "0",
}
RATE = 500
"""Fixes a second at which the way from a device to a client is timed."""
SHORT, LONG = 60, 600
ENDLESS = 3600
"""Seconds: until it is told to end."""
Run = dict[str, Any]
Process = subprocess.Popen[bytes]


class Bench:
    """One server, measured."""

    def __init__(self, server: Server, clients: int, vehicles: int, seconds: int, say: Callable[[str], None]) -> None:
        self._server, self._say = server, say
        self._clients, self._vehicles, self._seconds = clients, vehicles, seconds
        self._token = server.token()
        self._consumption = Consumption(server.pid, server.data_dir / "postgres")

    def run(self) -> Run:
        """All figures."""
        result: Run = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "version": __version__}
        result["delay"] = self._delay()
        result["alone"] = self._alone()
        result["watched"] = self._watched()
        result["ingest"] = self._ingest()
        result["unread"] = self._unread()
        result["load_average"] = os.getloadavg()
        return result

    def _delay(self) -> Run:
        """From a device's bytes to a client's message."""
        with self._reporting(RATE, 20, f"--watch={self._server.web_port}", f"--token={self._token}") as reporting:
            reported = _result(reporting, Reported)
        self._say(
            f"{RATE} fixes/s, from a device's bytes to a client's message, commit included: "
            f"p50 {reported.seen_p50_ms} ms, p99 {reported.seen_p99_ms} ms, longest {reported.seen_longest_ms} ms"
        )
        return asdict(reported)

    def _alone(self) -> Run:
        """The vehicles without a client."""
        with self._reporting(self._vehicles, 20) as reporting, self._consumption.cpu() as used:
            reported = _result(reporting, Reported)
        cpu = round(used.waygps / reported.seconds, 3)
        self._say(
            f"{self._vehicles} vehicles at 1 a second, nobody watches: acknowledged p50 {reported.ack_p50_ms} ms, "
            f"p99 {reported.ack_p99_ms} ms; the server uses {cpu} of a core"
        )
        return {**asdict(reported), "server_cpu": cpu}

    def _watched(self) -> Run:
        """The vehicles, and the clients."""
        with self._reporting(self._vehicles, ENDLESS) as reporting, self._watching(self._seconds) as watching:
            before, memory = time.monotonic(), []
            with self._consumption.cpu() as used:
                while watching.poll() is None:
                    memory.append(round(self._consumption.memory_mb(), 1))
                    _wait(watching, 10)
            seconds = time.monotonic() - before
            watched = _result(watching, Watched)
            reporting.terminate()
            reported = _result(reporting, Reported)
        cpu = round(used.waygps / seconds, 3)
        self._tell_watched(watched, reported, cpu, memory)
        return {**asdict(watched), "reported": asdict(reported), "server_cpu": cpu, "memory_mb": memory}

    def _tell_watched(self, watched: Watched, reported: Reported, cpu: float, memory: list[float]) -> None:
        self._say(
            f"{watched.clients} clients, {watched.vehicles} vehicles, {watched.seconds:.0f} s: what a client knows of one is "
            f"p50 {watched.age_p50_ms} ms old, p99 {watched.age_p99_ms} ms, longest {watched.age_longest_ms} ms; "
            f"{watched.closed} were closed"
        )
        self._say(f"    acknowledged p50 {reported.ack_p50_ms} ms, p99 {reported.ack_p99_ms} ms; the server uses {cpu} of a core")
        own = watched.cpu_s / watched.seconds, reported.cpu_s / reported.seconds
        self._say(f"    the clients' own process uses {own[0]:.2f} of a core, the vehicles' {own[1]:.2f}")
        self._say(f"    memory of the server every 10 s: {' '.join(f'{mb:.0f}' for mb in memory)} MB")

    def _ingest(self) -> Run:
        """The highest rate of reports, without clients, with them, and without again."""
        rates = [self._rate()]
        with self._reporting(self._vehicles, ENDLESS), self._watching(ENDLESS) as watching:
            rates.append(self._rate())
            watching.kill()
        rates.append(self._rate())
        ratio = round(rates[1] / ((rates[0] + rates[2]) / 2), 3)
        self._say(
            f"fixes/s stored and acknowledged beside it, 10 a packet: {rates[0]:,.0f} without clients, {rates[1]:,.0f} with "
            f"{self._clients} clients and {self._vehicles} vehicles, {rates[2]:,.0f} without: {ratio} of it"
        )
        return {"rates": rates, "ratio": ratio}

    def _unread(self) -> Run:
        """Clients that never read."""
        count = 50
        with self._reporting(self._vehicles, ENDLESS):
            before = self._consumption.memory_mb()
            sockets = [self._deaf() for _ in range(count)]
            time.sleep(30)
            each = round((self._consumption.memory_mb() - before) / count, 3)
            for deaf in sockets:
                deaf.close()
        self._say(f"a client that never reads costs {each * 1024:.0f} KB of memory after 30 s ({count} of them)")
        return {"clients": count, "mb_each": each}

    def _deaf(self) -> socket.socket:
        deaf = socket.create_connection(("127.0.0.1", self._server.web_port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(
            f"GET /ws/gps/?token={self._token} HTTP/1.1\r\nHost: 127.0.0.1:{self._server.web_port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return deaf

    def _rate(self) -> float:
        command = [f"--port={self._server.ports['teltonika']}", "--records=10", "--packets=40", "--devices=300"]
        done = subprocess.run([*_module("load"), *command], cwd=CHECKOUT, capture_output=True, check=True)
        return json.decode(done.stdout, type=Result).rate

    @contextmanager
    def _reporting(self, vehicles: int, seconds: float, *more: str) -> Iterator[Process]:
        port = self._server.ports["teltonika"]
        with _running("reporting", f"--port={port}", f"--vehicles={vehicles}", f"--seconds={seconds}", *more) as reporting:
            _expect(reporting, b"reporting\n")
            yield reporting

    @contextmanager
    def _watching(self, seconds: float) -> Iterator[Process]:
        options = f"--port={self._server.web_port}", f"--token={self._token}", f"--clients={self._clients}"
        with _running("watching", *options, f"--seconds={seconds}") as watching:
            _expect(watching, b"connected\n")
            yield watching


@contextmanager
def _running(name: str, *options: str) -> Iterator[Process]:
    process = subprocess.Popen([*_module(name), *options], cwd=CHECKOUT, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{name}"]


def _expect(process: Process, line: bytes) -> None:
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said == line, said


def _wait(process: Process, seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _result(process: Process, kind: type[Any]) -> Any:
    assert process.stdout is not None
    return json.decode(process.stdout.read(), type=kind)


@click.command()
@click.option("--clients", default=1000, type=click.IntRange(1, 10_000))
@click.option("--vehicles", default=1000, type=click.IntRange(1, 5000))
@click.option("--seconds", default=SHORT, type=click.IntRange(5, 3600))
@click.option("--long", "is_long", is_flag=True, help="Ten minutes, to see that memory stays flat.")
def main(clients: int, vehicles: int, seconds: int, is_long: bool) -> None:
    """Start a server of its own, measure, print, keep the JSON."""
    allow_files(clients + vehicles + 1000)
    server = Server(SETTINGS)
    server.start()
    try:
        seconds = LONG if is_long else seconds
        result = Bench(server, clients, vehicles, seconds, lambda line: print(line, flush=True)).run()
    finally:
        server.stop()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"live-{result['when'].replace(':', '')}.json"
    path.write_bytes(json.format(json.encode(result)))
    print(f"kept in {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
