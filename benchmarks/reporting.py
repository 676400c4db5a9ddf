"""Vehicles that report once a second, each fix with the time at which it leaves: the load of ``make bench-live``.

    python -m benchmarks.reporting --port 8080 --vehicles 1000 --seconds 60
    python -m benchmarks.reporting --port 8080 --vehicles 500 --seconds 20 --watch 8000 --token T

prints one JSON object. With ``--watch`` it is a client of /ws/gps/ too: from a device's bytes to the client's message.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from random import Random
from signal import SIGTERM

import click
from msgspec import Struct, json

from benchmarks.watching import Client, Crowd
from protocols.teltonika import teltonika
from waygps.fix import Fix


class Reported(Struct):
    """What the vehicles saw."""

    reports: int
    seconds: float
    ack_p50_ms: float
    ack_p99_ms: float
    cpu_s: float
    seen: int = 0
    """Updates that the client received."""
    seen_p50_ms: float = 0
    """From a device's bytes to the client's message."""
    seen_p99_ms: float = 0
    seen_longest_ms: float = 0


class Vehicle(asyncio.Protocol):
    """Reports once a second, when its last report is acknowledged."""

    transport: asyncio.Transport

    def __init__(self, number: int, latencies: list[float]) -> None:
        encoder = teltonika.encoder(f"{358_000_000_000_000 + number}", "tcp")
        assert encoder is not None
        self._encoder = encoder
        self._latencies = latencies
        self._random = Random(number)
        self._place = -34.6 + self._random.uniform(-0.3, 0.3), -58.4 + self._random.uniform(-0.3, 0.3)
        self._is_ready = False
        self._sent: float | None = None
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._encoder.hello())

    def data_received(self, data: bytes) -> None:
        if not self._is_ready:
            self._is_ready = True
            self.ready.set_result(None)
        elif self._sent is not None:
            self._latencies.append(time.perf_counter() - self._sent)
            self._sent = None

    def begin(self, at: float) -> None:
        """Report at this time of the loop, and then every second."""
        self._loop.call_at(at, self._due, at)

    def _due(self, at: float) -> None:
        self.begin(at + 1)
        if self._sent is None:
            self._report()

    def _report(self) -> None:
        lat, lon = self._place
        drift = self._random.uniform
        speed, course = float(self._random.randrange(90)), float(self._random.randrange(360))
        now = int(time.time() * 1000)
        fix = Fix(
            time=now,
            lat=lat + drift(-0.01, 0.01),
            lon=lon + drift(-0.01, 0.01),
            altitude_m=25.0,
            speed_kmh=speed,
            course_deg=course,
            satellites=9,
            ignition=True,
        )
        self._sent = time.perf_counter()
        self.transport.write(self._encoder.report((fix,)))


class Seeing(Client):
    """The client, which notes how old each update is when it comes."""

    ages: list[float]

    def _take(self, first: int, payload: bytes) -> None:
        before = self.known.times
        super()._take(first, payload)
        now = time.time() * 1000
        for vehicle, at in self.known.times.items():
            if before.get(vehicle) != at:
                self.ages.append(now - at)


async def drive(port: int, vehicles: int, seconds: float, watch: int, token: str) -> Reported:
    """Let the vehicles in, and the client, and report for so long."""
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    fleet = []
    for number in range(vehicles):
        _, vehicle = await loop.create_connection(lambda number=number: Vehicle(number, latencies), "127.0.0.1", port)  # type: ignore[misc]
        fleet.append(vehicle)
    await asyncio.gather(*(vehicle.ready for vehicle in fleet))
    begin = loop.time() + 0.1
    for number, vehicle in enumerate(fleet):
        vehicle.begin(begin + number / vehicles)
    ages = await _see(watch, token) if watch else []
    await asyncio.sleep(3)
    latencies.clear()
    ages.clear()
    print("reporting", flush=True)
    begun, cpu = time.perf_counter(), time.process_time()
    await _stopped(seconds)
    took, used = time.perf_counter() - begun, time.process_time() - cpu
    acknowledged, seen = sorted(each * 1000 for each in latencies), sorted(ages)
    return Reported(
        len(acknowledged),
        round(took, 1),
        _at(acknowledged, 0.5),
        _at(acknowledged, 0.99),
        round(used, 2),
        len(seen),
        _at(seen, 0.5),
        _at(seen, 0.99),
        _at(seen, 1.0),
    )


async def _stopped(seconds: float) -> None:
    """Until the time is over, or the process is told to end (SIGTERM)."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(SIGTERM, stop.set)
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _see(port: int, token: str) -> list[float]:
    ages: list[float] = []

    def client() -> Seeing:
        seeing = Seeing(port, token, Crowd())
        seeing.ages = ages
        return seeing

    _, seeing = await asyncio.get_running_loop().create_connection(client, "127.0.0.1", port)
    await seeing.ready
    return ages


def _at(ordered: list[float], share: float) -> float:
    return round(ordered[int((len(ordered) - 1) * share)], 2) if ordered else 0.0


@click.command()
@click.option("--port", required=True, type=int)
@click.option("--vehicles", default=1000, type=click.IntRange(1, 5000))
@click.option("--seconds", default=60.0, type=click.FloatRange(1, 3600))
@click.option("--watch", default=0, type=int, help="The web port, to be a client too.")
@click.option("--token", default="")
def main(port: int, vehicles: int, seconds: float, watch: int, token: str) -> None:
    """Report to a Teltonika port of this machine, and print what was measured as JSON."""
    click.echo(json.encode(asyncio.run(drive(port, vehicles, seconds, watch, token))))


if __name__ == "__main__":
    main()
