"""``python -m benchmarks.compaction``: what a fix costs on disk in either form, and how fast a vehicle's day is read from it.

The fixes are a simulated fleet's, through the real encoder and decoder of a vendor, received in packets of five; ``--hard`` mixes
in another vendor and attributes at random. PostgreSQL is a server of its own, with its settings as they come.
"""

from __future__ import annotations

import io
import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any

import click
import psycopg2.extensions
from msgspec import Struct, structs
from msgspec.structs import asdict

from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.postgres import connected, drop_database, fresh_database, server
from waygps.fix import Fix
from waygps.pipeline.quality import quality
from waygps.position import Position, Vehicle, fingerprint, position
from waygps.simulation.route import Route
from waygps.storage.compaction import Compaction
from waygps.storage.fleet import POSITIONS

START = datetime(2025, 3, 3, tzinfo=UTC)
END = START.replace(hour=23, minute=59, second=59)
PERIOD = 10
PACKET = 5
CHUNK = 100
"""Numbers that each of the two writing connections takes from the sequence at once."""
READ = "SELECT * FROM historia(%s, %s, %s) ORDER BY fecha_gps"
MOST = 10_000
COLUMNS = (
    "id, movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria, odometro, "
    "fecha_gps, fecha_recepcion, raw_data, calidad_datos, huella"
)


class Device:
    """A simulated vehicle with the vendor's own encoder, and the server's decoder of what it sends."""

    def __init__(self, number: int, vendor: Any, hard: bool) -> None:
        name = f"35{number:013d}"
        self._random = Random(number)
        self._hard = hard
        self._vendor = vendor
        self._vehicle = Vehicle(number, name, None)
        self._route = Route(number)
        self._encoder, self._decoder = vendor.encoder(name, "tcp"), vendor.decoder("tcp")
        list(self._decoder.feed(self._encoder.hello()))

    def packet(self, time: int) -> list[Position]:
        """The positions of the packet whose first fix is at ``time`` (ms)."""
        fixes = tuple([self._route.advance(PERIOD, time + step * PERIOD * 1000) for step in range(PACKET)])
        received = fixes[-1].time + self._random.randint(150, 1200)  # type: ignore[operator]  # simulated fixes have times
        read = [fix for message in self._decoder.feed(self._encoder.report(fixes)) for fix in message.fixes]
        return [self._position(self._adorned(fix), received) for fix in read]

    def _adorned(self, fix: Fix) -> Fix:
        if not self._hard:
            return fix
        more = {"temperature": round(self._random.gauss(20, 4), 1), "rpm": self._random.randrange(700, 3500)}
        if self._random.random() < 0.3:
            more["fuel_l"] = round(self._random.uniform(5, 60), 2)
        return structs.replace(fix, attributes=fix.attributes | more, driver=self._random.choice((None, "1C0000A1B2C3D4")))

    def _position(self, fix: Fix, received: int) -> Position:
        return position(self._vehicle, fix, quality(fix), self._vendor.name, received, fingerprint(fix))


def fleet(vehicles: int, days: int, hard: bool) -> Iterator[Position]:
    """All positions in the order of their arrival."""
    vendors = (teltonika, queclink) if hard else (teltonika,)
    devices = [Device(number, vendors[number % len(vendors)], hard) for number in range(1, vehicles + 1)]
    start = int(START.timestamp() * 1000)
    for packet in range(days * 86_400 // (PERIOD * PACKET)):
        for device in devices:
            yield from device.packet(start + packet * PERIOD * PACKET * 1000)


def rows(positions: Iterator[Position]) -> Iterator[str]:
    """The lines of COPY."""
    chunk = count()
    numbers: dict[int, list[int]] = {0: [], 1: []}
    for p in positions:
        own = numbers[p.vehicle.id % 2]
        if not own:
            first = next(chunk) * CHUNK + 1
            own.extend(range(first + CHUNK - 1, first - 1, -1))
        yield "\t".join(map(_text, _values(own.pop(), p))) + "\n"


def _values(number: int, p: Position) -> tuple[object, ...]:
    fix = p.fix
    return (
        number,
        p.vehicle.id,
        fix.lat,
        fix.lon,
        fix.altitude_m,
        fix.speed_kmh,
        fix.course_deg,
        fix.satellites,
        fix.hdop,
        bool(fix.ignition),
        fix.battery_pct,
        fix.odometer_km,
        datetime.fromtimestamp(p.time / 1000, UTC),
        datetime.fromtimestamp(p.received / 1000, UTC),
        p.raw.replace("\\", "\\\\"),
        p.quality,
        p.fingerprint,
    )


def _text(value: object) -> str:
    return r"\N" if value is None else str(value)


class _Lines(io.RawIOBase):
    """A file to read for COPY, made as it is read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def read(self, size: int = -1) -> bytes:
        block: list[str] = []
        length = 0
        for line in self._lines:
            block.append(line)
            length += len(line)
            if length >= max(size, 1):
                break
        return "".join(block).encode()


def load(connection: psycopg2.extensions.connection, vehicles: int, days: int, hard: bool) -> int:
    """Write the fleet's history as plain rows, and give the number of fixes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT asegurar_particion(%s)", (START,))
        cursor.copy_expert(f"COPY posiciones_recientes ({COLUMNS}) FROM STDIN", _Lines(rows(fleet(vehicles, days, hard))))
        fixes = int(cursor.rowcount)
        cursor.execute("VACUUM ANALYZE posiciones_recientes")
    return fixes


def read_times(connection: psycopg2.extensions.connection, sql: str, vehicles: int, rounds: int = 5) -> float:
    """Milliseconds to fetch the first day of each of up to 20 vehicles, warm: the median of the best of some rounds each."""
    best = []
    with connection.cursor() as cursor:
        for vehicle in range(1, min(vehicles, 20) + 1):
            times = []
            for _ in range(rounds):
                begun = time.perf_counter()
                cursor.execute(sql, (vehicle, START, END, MOST, MOST)[: sql.count("%s")])
                cursor.fetchall()
                times.append((time.perf_counter() - begun) * 1000)
            best.append(min(times))
    return statistics.median(best)


def pages(connection: psycopg2.extensions.connection) -> int:
    """Pages of 8 KiB that reading a vehicle's day touches, which is what it costs when nothing is in memory."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {READ}", (1, START, END))
        (((found,),),) = cursor.fetchall()
    return int(found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"])


def size(connection: psycopg2.extensions.connection, table: str) -> int:
    """Bytes on disk, indexes included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)", (f"{table}_{START:%Y_%m}",))
        ((total,),) = cursor.fetchall()
    return int(total)


class Form(Struct):
    """What a fix costs in one form."""

    bytes_a_fix: float
    """On disk, indexes included."""
    day_ms: float
    """Milliseconds until a client has a vehicle's day, every column of it."""
    web_ms: float
    """The same as the web reads it."""
    day_pages: int

    @classmethod
    def of(cls, connection: psycopg2.extensions.connection, table: str, vehicles: int, fixes: int) -> Form:
        """Measure it; the whole month is in this table."""
        day, web = (round(read_times(connection, sql, vehicles), 1) for sql in (READ, POSITIONS))
        return cls(round(size(connection, table) / fixes, 1), day, web, pages(connection))


def measure(vehicles: int, days: int, hard: bool) -> dict[str, Any]:
    """All figures of one run, in a database of its own."""
    url = fresh_database()
    connection, working = connected(url), connected(url)
    working.autocommit = False
    try:
        fixes = load(connection, vehicles, days, hard)
        plain = Form.of(connection, "posiciones_recientes", vehicles, fixes)
        begun = time.perf_counter()
        Compaction(working, print).run(datetime.now(UTC), 0)
        seconds = time.perf_counter() - begun
        compact = Form.of(connection, "posiciones_compactas", vehicles, fixes)
    finally:
        connection.close()
        working.close()
        drop_database(url)
    return {
        "hard": hard,
        "vehicles": vehicles,
        "days": days,
        "fixes": fixes,
        "plain": asdict(plain),
        "compact": asdict(compact),
        "day_times_plain": round(compact.day_ms / plain.day_ms, 2),
        "web_times_plain": round(compact.web_ms / plain.web_ms, 2),
        "fixes_compacted_a_second": round(fixes / seconds),
    }


@click.command()
@click.option("--vehicles", default=200, show_default=True)
@click.option("--days", default=1, show_default=True)
@click.option("--hard", is_flag=True, help="Two vendors, and attributes at random.")
def main(vehicles: int, days: int, hard: bool) -> None:
    """Measure in a PostgreSQL of its own, and print one JSON object."""
    try:
        print(json.dumps(measure(vehicles, days, hard)))
    finally:
        server().remove()


if __name__ == "__main__":
    main()
