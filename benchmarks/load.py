"""Devices that report as fast as they are answered: the load of the benchmarks, in a process of its own.

Every device has one packet in flight, as the protocol demands. All packets are made before the clock starts, so that the cores
are left to the server and PostgreSQL.

    python -m benchmarks.load --port 8080 --devices 500 --records 10 --packets 40

prints one JSON object: fixes, seconds, and the times from a packet to its acknowledgement in milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from random import Random

import click
from msgspec import Struct, json

from protocols.teltonika import teltonika
from waygps.fix import Fix


class Result(Struct):
    """What a run of the load measured."""

    fixes: int
    seconds: float
    rate: float
    """Fixes a second, acknowledged."""
    p50_ms: float
    p99_ms: float
    longest_ms: float
    cpu_s: float
    """CPU seconds that the load itself used, from the first packet on."""


class Device(asyncio.Protocol):
    """One device: login, then packet, acknowledgement, packet …; ``pace`` seconds from one packet to the next, 0 for at once."""

    transport: asyncio.Transport

    def __init__(self, login: bytes, packets: Iterator[bytes], latencies: list[float], pace: float, delay: float) -> None:
        self._login = login
        self._packets = packets
        self._latencies = latencies
        self._pace = pace
        self._delay = delay
        self._due = b"\x01"
        self._received = b""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._login)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) < len(self._due):
            return
        assert self._received == self._due, f"answered {self._received.hex()} instead of {self._due.hex()}"
        self._received = b""
        if not self.ready.done():
            self.ready.set_result(None)
        else:
            self._latencies.append(time.perf_counter() - self._sent)
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))

    def begin(self) -> None:
        """Send the first packet."""
        self._at = self._loop.time() + self._delay
        self._loop.call_at(self._at, self._send, next(self._packets))

    def _next(self) -> None:
        packet = next(self._packets, None)
        if packet is None:
            self.done.set_result(None)
            self.transport.close()
        elif self._pace:
            self._at = max(self._at + self._pace, self._loop.time())
            self._loop.call_at(self._at, self._send, packet)
        else:
            self._send(packet)

    def _send(self, packet: bytes) -> None:
        self._due = b"\x00\x00\x00" + packet[9:10]
        self._sent = time.perf_counter()
        self.transport.write(packet)


def packets(number: int, records: int, count: int, start: int) -> tuple[bytes, list[bytes]]:
    """The login and the packets of one device; ``start`` in milliseconds is the time of its first fix."""
    random = Random(number)
    encoder = teltonika.encoder(f"35{start % 10**6:06d}{number:07d}", "tcp")
    assert encoder is not None
    lat, lon = -34.6 + random.uniform(-0.3, 0.3), -58.4 + random.uniform(-0.3, 0.3)
    made = []
    for packet in range(count):
        fixes = tuple(_fix(random, lat, lon, start + (packet * records + record) * 1000) for record in range(records))
        made.append(encoder.report(fixes))
    return encoder.hello(), made


def _fix(random: Random, lat: float, lon: float, time: int) -> Fix:
    return Fix(
        time=time,
        lat=lat + random.uniform(-0.01, 0.01),
        lon=lon + random.uniform(-0.01, 0.01),
        altitude_m=25.0,
        speed_kmh=float(random.randrange(90)),
        course_deg=float(random.randrange(360)),
        satellites=random.randrange(5, 15),
        ignition=True,
        power_v=13.8,
        battery_v=4.0,
        gsm=4,
        odometer_km=float(random.randrange(100_000)),
    )


async def run(port: int, devices: int, records: int, count: int, rate: float, seconds: float = 0) -> Result:
    """Drive the devices; ``rate`` fixes a second over all of them, 0 for as many as are answered.

    With ``seconds`` they go on for so long, with the same packets again where they have no more.
    """
    start = int(time.time() * 1000) - records * count * 1000
    latencies: list[float] = []
    pace = devices * records / rate if rate else 0.0
    loop = asyncio.get_running_loop()
    crowd = []
    for number in range(devices):
        login, made = packets(number, records, count, start)
        endless = cycle(made) if seconds else iter(made)
        make = partial(Device, login, endless, latencies, pace, pace * number / devices)
        _, device = await loop.create_connection(make, "127.0.0.1", port)
        crowd.append(device)
    await asyncio.gather(*(device.ready for device in crowd))
    begun, cpu = time.perf_counter(), time.process_time()
    for device in crowd:
        device.begin()
    if seconds:
        await asyncio.sleep(seconds)
    else:
        await asyncio.gather(*(device.done for device in crowd))
    return _result(len(latencies) * records, time.perf_counter() - begun, time.process_time() - cpu, sorted(latencies))


def _result(fixes: int, seconds: float, cpu: float, latencies: list[float]) -> Result:
    def at(share: float) -> float:
        return round((latencies or [0.0])[min(len(latencies) - 1, int(len(latencies) * share)) if latencies else 0] * 1000, 2)

    return Result(fixes, round(seconds, 3), round(fixes / seconds, 1), at(0.5), at(0.99), at(1.0), round(cpu, 2))


@click.command()
@click.option("--port", required=True, type=int)
@click.option("--devices", default=500, type=click.IntRange(1, 2000))
@click.option("--records", default=10, type=click.IntRange(1, 100))
@click.option("--packets", "count", default=40, type=click.IntRange(1, 10_000))
@click.option("--rate", default=0.0, type=float, help="Fixes a second over all devices; 0: as many as are answered.")
@click.option("--seconds", default=0.0, type=click.FloatRange(0, 600), help="Go on for so long; 0: until all are sent.")
def main(port: int, devices: int, records: int, count: int, rate: float, seconds: float) -> None:
    """Load a Teltonika port of this machine, and print what was measured as JSON."""
    click.echo(json.encode(asyncio.run(run(port, devices, records, count, rate, seconds))))


if __name__ == "__main__":
    main()
