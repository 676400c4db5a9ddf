"""Rewrites old months into the compact form, a vehicle's day at a time. Blocking: for a process of its own.

Each day is one transaction: its fixes are read, encoded, and decoded again by PostgreSQL, and only when every column of every fix
is as it was do the rows go. Whatever ends the process or the server, a fix is in one form or the other, never in both or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import psycopg2.errors
import psycopg2.extensions
from msgspec import Struct

from waygps.errors import WayGPSError
from waygps.storage.months import Month, months_with
from waygps.storage.rewriting import ABLE, rewrite

LARGEST_DAY = 100_000
"""Fixes of a vehicle's day above which it is left as rows: it has to fit into memory. One fix a second is 86,400."""
LARGEST_RAW = 256 << 20
"""Bytes of raw_data of a vehicle's day above which it is left as rows."""

NEXT_VEHICLE = "SELECT movil_id FROM {rows} WHERE movil_id > %s ORDER BY movil_id LIMIT 1"
DAYS = f"""
SELECT (fecha_gps AT TIME ZONE 'UTC')::date, count(*), coalesce(sum(pg_column_size(raw_data)), 0) FROM {{rows}} WHERE {ABLE}
GROUP BY 1 ORDER BY 1
"""
SIZE = "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0) FROM unnest(%s) AS name"
LOCK_JOB = "SELECT pg_try_advisory_lock(hashtext('waygps.compactacion'))"
UNLOCK_JOB = "SELECT pg_advisory_unlock(hashtext('waygps.compactacion'))"
LOCK_DAY = "SELECT pg_advisory_lock(cerrojo_compactas(%(movil)s, %(dia)s))"
UNLOCK_DAY = "SELECT pg_advisory_unlock(cerrojo_compactas(%(movil)s, %(dia)s))"
BUSY = (psycopg2.errors.LockNotAvailable, psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected)

Say = Callable[[str], object]


class Compacted(Struct):
    """What became of a month."""

    month: Month
    before: int
    """Bytes on disk, indexes included, of both forms."""
    after: int = 0
    fixes: int = 0
    """Rows that went into the compact form."""
    left: int = 0
    """Rows that stay rows: busy just then, too many in a day, or with something that the compact form cannot say."""


class Compaction:
    """The job. It sets the connection up for itself: REPEATABLE READ, so that a row changed meanwhile is never deleted."""

    def __init__(self, connection: psycopg2.extensions.connection, say: Say = lambda line: None) -> None:
        self._connection = connection
        self._say = say
        connection.set_session(isolation_level="REPEATABLE READ")

    def run(self, now: datetime, days: int) -> list[Compacted]:
        """Compact what ended at least so many days ago. WayGPSError where another process is at it."""
        with self._alone():
            return [self._month(month) for month in self.due(now, days)]

    def due(self, now: datetime, days: int) -> list[Month]:
        """The months of that age that have rows to compact, or the room of rows to give back; oldest first."""
        months = [month for month in months_with(self._connection, "posiciones_recientes") if month.is_due(now, days)]
        return [month for month in months if self._ask("SELECT pg_relation_size(%s::regclass)", (month.rows,))]

    def rows(self, month: Month) -> int:
        """How many rows it has that are not in the compact form."""
        return int(self._ask(f"SELECT count(*) FROM {month.rows}"))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'; SET timezone = 'UTC'")
            cursor.execute(LOCK_JOB)
            if not _one(cursor):
                raise WayGPSError("another process is compacting this database")
        try:
            yield
        finally:
            if not self._connection.closed:
                self._ask(UNLOCK_JOB)

    def _month(self, month: Month) -> Compacted:
        done = Compacted(month, self.size(month))
        try:
            self._ask("SET LOCAL lock_timeout = '2s'; SELECT asegurar_compactas(%s)", (month.first,))
            for vehicle in self._vehicles(month):
                self._vehicle(done, vehicle)
            self._clear(month)
        except BUSY as error:
            self._say(f"{month}: busy, the rest later ({str(error).strip()})")
        done.after, done.left = self.size(month), self.rows(month)
        sizes = f"{done.before / 1e6:,.1f} MB before, {done.after / 1e6:,.1f} MB now"
        self._say(f"{month}: {done.fixes:,} fixes compacted, {done.left:,} left as rows; {sizes}")
        return done

    def _vehicles(self, month: Month) -> Iterator[int]:
        vehicle: int | None = -(2**31)
        while vehicle is not None:
            vehicle = self._ask(NEXT_VEHICLE.format(rows=month.rows), (vehicle,))
            if vehicle is not None:
                yield vehicle

    def _vehicle(self, done: Compacted, vehicle: int) -> None:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(DAYS.format(rows=done.month.rows), {"movil": vehicle})
            days = cursor.fetchall()
        for day, fixes, size in days:
            if fixes > LARGEST_DAY or size > LARGEST_RAW:
                self._say(f"{done.month}: vehicle {vehicle} has {fixes:,} fixes on {day}, too many for the compact form")
            else:
                self._day(done, vehicle, day)

    def _day(self, done: Compacted, vehicle: int, day: date) -> None:
        which = {"movil": vehicle, "dia": day}
        try:
            with self._locked(which), self._connection, self._connection.cursor() as cursor:
                done.fixes += rewrite(cursor, done.month, which)
        except BUSY as error:
            self._say(f"{done.month}: vehicle {vehicle}, {day} is busy: later ({str(error).strip()})")

    @contextmanager
    def _locked(self, which: dict[str, object]) -> Iterator[None]:
        """Hold the day's lock from before the transaction's snapshot is taken to after its commit."""
        self._ask(LOCK_DAY, which)
        try:
            yield
        finally:
            if not self._connection.closed:
                self._ask(UNLOCK_DAY, which)

    def _clear(self, month: Month) -> None:
        """Give the room of the rows back, once there are none and nobody is kept waiting for it."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '2s'; LOCK TABLE {month.rows} IN ACCESS EXCLUSIVE MODE")
            cursor.execute(f"SELECT EXISTS (SELECT FROM {month.rows})")
            if not _one(cursor):
                cursor.execute(f"TRUNCATE {month.rows}")
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {month.segments}")

    def size(self, month: Month) -> int:
        """Bytes on disk of the month in both forms, indexes included."""
        return int(self._ask(SIZE, ([month.rows, month.segments],)))

    def _ask(self, sql: str, arguments: tuple[object, ...] | dict[str, object] = ()) -> Any:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(sql, arguments or None)
            return _one(cursor)


def _one(cursor: psycopg2.extensions.cursor) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
