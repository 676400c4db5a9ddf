"""Writes parcels into PostgreSQL, in batches, over connections of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import psycopg2
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from waygps.position import Parcel, Position, Refused, Stored, set_apart
from waygps.storage.batch import MAKE_PARTITIONS, SET_APART, STORE, columns, months, row_apart
from waygps.storage.gathering import Gathering
from waygps.storage.session import Row, Session

Repeated = Callable[[int, int], None]
"""Told that of a vehicle (id) so many fixes were in the history already."""


def _ignore(vehicle: int, fixes: int) -> None:
    pass


class BatchWriter:
    """Writes parcels in the order of their arrival, up to ``most`` positions a statement, over one session.

    A row that PostgreSQL refuses is found by halving its batch and set apart with the reason; the others are stored. While
    PostgreSQL is out of reach everything fails with StoreUnavailable, at once or as soon as the session's patience ends.
    """

    _log = Logger()

    def __init__(self, session: Session, most: int = 1000, repeated: Repeated = _ignore) -> None:
        self._session = session
        self._repeated = repeated
        self._gathering = Gathering(self._commit, most)

    def write(self, parcel: Parcel) -> Deferred[Stored]:
        """Fires when all of it is committed; fails with StoreUnavailable when that is not known to be so."""
        return self._gathering.put(parcel)

    async def probe(self) -> None:
        """Ask PostgreSQL for a sign of life; StoreUnavailable where it gives none."""
        await self._session.query("SELECT 1")

    async def _commit(self, parcels: Sequence[Parcel]) -> Stored:
        for parcel in parcels:
            for refused in parcel.refused:
                await self._set_apart(refused)
        return await self._store([position for parcel in parcels for position in parcel.positions], parcels)

    async def _store(self, positions: Sequence[Position], parcels: Sequence[Parcel]) -> Stored:
        if not positions:
            return Stored()
        try:
            arguments = columns(positions)
        except Exception as error:  # a plugin filled in what cannot be written down
            return await self._isolate(positions, parcels, error)
        try:
            ((new, moved, fresh),) = await self._statement(arguments, positions)
        except psycopg2.Error as error:  # a row that PostgreSQL refuses
            return await self._isolate(positions, parcels, error)
        if new < len(positions):
            self._tell_repeated(positions, fresh or ())
        return Stored(new, frozenset(moved))

    async def _statement(self, arguments: Sequence[str], positions: Sequence[Position]) -> list[Row]:
        try:
            return await self._session.query(STORE, arguments)
        except psycopg2.errors.CheckViolation as error:
            if error.diag.constraint_name:
                raise
        # A CheckViolation without a constraint is PostgreSQL's way of saying that the month has no partition yet.
        await self._session.query(MAKE_PARTITIONS, [months(positions)])
        return await self._session.query(STORE, arguments)

    async def _isolate(self, positions: Sequence[Position], parcels: Sequence[Parcel], error: Exception) -> Stored:
        if len(positions) == 1:
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            self._log.warn("a fix of {imei} is set apart: {reason}", imei=positions[0].vehicle.imei, reason=reason)
            await self._set_apart(set_apart(positions[0], reason, _message(positions[0], parcels)))
            return Stored()
        middle = len(positions) // 2
        first, second = await self._store(positions[:middle], parcels), await self._store(positions[middle:], parcels)
        return Stored(first.new + second.new, first.moved | second.moved)

    async def _set_apart(self, refused: Refused) -> None:
        await self._session.query(SET_APART, row_apart(refused))

    def _tell_repeated(self, positions: Sequence[Position], fresh: Iterable[int]) -> None:
        for vehicle, fixes in (Counter(position.vehicle.id for position in positions) - Counter(fresh)).items():
            self._repeated(vehicle, fixes)


def _message(position: Position, parcels: Sequence[Parcel]) -> bytes:
    """The bytes that this position came in."""
    return next(parcel.message for parcel in parcels if any(each is position for each in parcel.positions))


class ShardedWriter:
    """Several writers, each with a connection of its own; a vehicle always has the same one, so its fixes keep their order."""

    def __init__(self, writers: Sequence[BatchWriter]) -> None:
        self._writers = writers

    def write(self, parcel: Parcel) -> Deferred[Stored]:
        """As BatchWriter.write."""
        return self._writers[parcel.vehicle.id % len(self._writers)].write(parcel)

    async def probe(self) -> None:
        """As BatchWriter.probe, of every connection."""
        for writer in self._writers:
            await writer.probe()
