"""Batches that form by themselves: while one is being committed the next gathers, and leaves when the last returns."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import psycopg2
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import StoreUnavailable
from waygps.position import Position, Refused, Stored, set_apart
from waygps.storage.batch import MAKE_PARTITIONS, SET_APART, STORE, columns, months, row_apart
from waygps.storage.session import Session


class _Parcel:
    """What one message brings, and the Deferred that waits for it."""

    __slots__ = ("done", "positions", "refused")

    def __init__(self, positions: Sequence[Position], refused: Sequence[Refused]) -> None:
        self.positions = positions
        self.refused = refused
        self.done: Deferred[Stored] = Deferred()


class BatchWriter:
    """Writes parcels in the order of their arrival, up to ``most`` positions a statement, over one session.

    While PostgreSQL is out of reach the parcels wait, and so do those who sent them. A row that PostgreSQL refuses is found by
    halving its batch and set apart with the reason; the others are stored.
    """

    _log = Logger()

    def __init__(self, session: Session, most: int = 1000) -> None:
        self._session = session
        self._most = most
        self._waiting: deque[_Parcel] = deque()
        self._idle = True

    def write(self, positions: Sequence[Position], refused: Sequence[Refused]) -> Deferred[Stored]:
        """Fires when all of it is committed; fails with StoreUnavailable when the server stops before that."""
        parcel = _Parcel(positions, refused)
        self._waiting.append(parcel)
        if self._idle:
            self._idle = False
            ensureDeferred(self._work())
        return parcel.done

    async def _work(self) -> None:
        while self._waiting:
            batch = self._take()
            try:
                stored = await self._commit(batch)
            except Exception:  # whatever it is, the next batch is another one
                self._give_up(batch, Failure())
            else:
                for parcel in batch:
                    parcel.done.callback(stored)
        self._idle = True

    def _take(self) -> list[_Parcel]:
        batch = [self._waiting.popleft()]
        size = len(batch[0].positions)
        while self._waiting and size + len(self._waiting[0].positions) <= self._most:
            parcel = self._waiting.popleft()
            size += len(parcel.positions)
            batch.append(parcel)
        return batch

    def _give_up(self, batch: list[_Parcel], failure: Failure) -> None:
        for parcel in batch:
            parcel.done.errback(failure)

    async def _commit(self, batch: list[_Parcel]) -> Stored:
        for parcel in batch:
            for refused in parcel.refused:
                await self._set_apart(refused)
        return await self._store([position for parcel in batch for position in parcel.positions])

    async def _store(self, positions: list[Position]) -> Stored:
        if not positions:
            return Stored()
        try:
            ((new, moved),) = await self._statement(positions)
        except StoreUnavailable:
            raise
        except Exception as error:  # a row that PostgreSQL refuses, or that a plugin filled with what is no number
            return await self._isolate(positions, error)
        return Stored(new, frozenset(moved))

    async def _statement(self, positions: list[Position]) -> list[tuple[int, list[int]]]:
        arguments = columns(positions)
        try:
            return await self._session.query_patiently(STORE, arguments)
        except psycopg2.errors.CheckViolation as error:
            if error.diag.constraint_name:
                raise
        # A CheckViolation without a constraint is PostgreSQL's way of saying that the month has no partition yet.
        await self._session.query_patiently(MAKE_PARTITIONS, [months(positions)])
        return await self._session.query_patiently(STORE, arguments)

    async def _isolate(self, positions: list[Position], error: Exception) -> Stored:
        if len(positions) == 1:
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            self._log.warn("a fix of {imei} is set apart: {reason}", imei=positions[0].vehicle.imei, reason=reason)
            await self._set_apart(set_apart(positions[0], reason))
            return Stored()
        middle = len(positions) // 2
        first, second = await self._store(positions[:middle]), await self._store(positions[middle:])
        return Stored(first.new + second.new, first.moved | second.moved)

    async def _set_apart(self, refused: Refused) -> None:
        await self._session.query_patiently(SET_APART, row_apart(refused))


class ShardedWriter:
    """Several writers, each with a connection of its own; a vehicle always has the same one, so its fixes keep their order."""

    def __init__(self, writers: Sequence[BatchWriter]) -> None:
        self._writers = writers

    def write(self, vehicle: int, positions: Sequence[Position], refused: Sequence[Refused]) -> Deferred[Stored]:
        """As BatchWriter.write, for the positions of one vehicle."""
        return self._writers[vehicle % len(self._writers)].write(positions, refused)
