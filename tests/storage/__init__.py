"""What the tests of the store write: vehicles, fixes and positions; and a session that tells what was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.postgres import Row, connected, execute
from waygps.fix import Fix
from waygps.origin import Origin
from waygps.pipeline.quality import quality
from waygps.position import Parcel, Position, Refused, Vehicle, fingerprint, position
from waygps.storage.batch import STORE
from waygps.storage.session import Session

NOON = 1_795_521_600_000
"""2026-11-24 12:00:00 UTC, in milliseconds; the partition of its month is there."""
SECOND = 1000
HEAVY = {"t": "".join(Random(1).choices("".join(map(chr, range(48, 91))), k=100_000))}
"""Nothing that compresses well: in the spool such a parcel, which has it twice, takes some 140 KB."""


def vehicle(url: str, imei: str = "356307042441013", patente: str | None = None) -> Vehicle:
    """A new row of moviles."""
    ((number,),) = execute(url, "INSERT INTO moviles (imei, patente) VALUES (%s, %s) RETURNING id", (imei, patente))
    return Vehicle(number, imei, patente)


def fix(second: float = 0, **values: Any) -> Fix:
    """A fix so many seconds after noon."""
    return Fix(**{"time": NOON + int(second * SECOND), "lat": -34.603722, "lon": -58.381592, **values})


def at(of: Vehicle, second: float = 0, **values: Any) -> Position:
    """A position so many seconds after noon, received two seconds later."""
    reported = fix(second, **values)
    received = (reported.time or NOON) + 2 * SECOND
    return position(of, reported, quality(reported), "prueba", received, fingerprint(reported))


ANYWHERE = Origin("lines", "Lines TCP")


def parcel(
    of: Vehicle, *positions: Position, refused: Sequence[Refused] = (), message: bytes = b"", origin: Origin = ANYWHERE
) -> Parcel:
    """What one message of this vehicle brings to the store."""
    return Parcel(of, positions, refused, message, origin, "192.0.2.1:5000")


def outcome_of(deferred: Deferred[Any]) -> list[object]:
    """What the Deferred gave so far: its result, or the error it failed with."""
    seen: list[object] = []
    deferred.addBoth(lambda result: seen.append(result.value if isinstance(result, Failure) else result))
    return seen


@contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    """Another program holds this table, and nobody else may so much as read it meanwhile."""
    connection = connected(url)
    connection.autocommit = False
    try:
        connection.cursor().execute(f"LOCK TABLE {table}")
        yield
    finally:
        connection.close()


class RecordingSession(Session):
    """A session that notes how many positions each storing statement carried."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.batches: list[int] = []

    def query(self, sql: str, arguments: Sequence[Any] = ()) -> Deferred[list[Row]]:
        if sql == STORE:
            self.batches.append(arguments[0].count(",") + 1)
        return super().query(sql, arguments)
