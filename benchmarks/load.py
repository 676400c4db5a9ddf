"""Devices that report as fast as they are answered: the load of the benchmarks, in a process of its own.

Every device has one packet in flight, as the protocol demands. All packets are made before the clock starts, so that the cores
are left to the server and PostgreSQL.

    python -m benchmarks.load --port 8080 --devices 500 --records 10 --packets 40

prints one JSON object: fixes, seconds, and the times from a packet to its acknowledgement in milliseconds.
"""

from __future__ import annotations

import asyncio
import time
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


class Device(asyncio.Protocol):
    """One device: login, then packet, acknowledgement, packet …; ``pace`` seconds from one packet to the next, 0 for at once."""

    transport: asyncio.Transport

    def __init__(self, login: bytes, packets: list[bytes], latencies: list[float], pace: float, delay: float) -> None:
        self._login = login
        self._packets = iter(packets)
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


async def run(port: int, devices: int, records: int, count: int, rate: float) -> Result:
    """Drive the devices; ``rate`` fixes a second over all of them, 0 for as many as are answered."""
    start = int(time.time() * 1000) - records * count * 1000
    latencies: list[float] = []
    pace = devices * records / rate if rate else 0.0
    loop = asyncio.get_running_loop()
    crowd = []
    for number in range(devices):
        login, made = packets(number, records, count, start)
        delay = pace * number / devices
        _, device = await loop.create_connection(
            lambda login=login, made=made, delay=delay: Device(login, made, latencies, pace, delay),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        crowd.append(device)
    await asyncio.gather(*(device.ready for device in crowd))
    begun = time.perf_counter()
    for device in crowd:
        device.begin()
    await asyncio.gather(*(device.done for device in crowd))
    return _result(devices * records * count, time.perf_counter() - begun, sorted(latencies))


def _result(fixes: int, seconds: float, latencies: list[float]) -> Result:
    def at(share: float) -> float:
        return round(latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000, 2)

    return Result(fixes, round(seconds, 3), round(fixes / seconds, 1), at(0.5), at(0.99), at(1.0))


@click.command()
@click.option("--port", required=True, type=int)
@click.option("--devices", default=500, type=click.IntRange(1, 2000))
@click.option("--records", default=10, type=click.IntRange(1, 100))
@click.option("--packets", "count", default=40, type=click.IntRange(1, 10_000))
@click.option("--rate", default=0.0, type=float, help="Fixes a second over all devices; 0: as many as are answered.")
def main(port: int, devices: int, records: int, count: int, rate: float) -> None:
    """Load a Teltonika port of this machine, and print what was measured as JSON."""
    click.echo(json.encode(asyncio.run(run(port, devices, records, count, rate))))


if __name__ == "__main__":
    main()
