"""Deletes months of the history that are older than they are to be kept. Blocking: for a process of its own.

A month is detached without a lock that stops inserts, and then dropped, which takes no time that depends on its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg2.extensions
from msgspec import Struct

from waygps.storage.months import Month, month_of, partitions

TABLES = ("posiciones_recientes", "posiciones_compactas")
BATCH = 10_000
"""Refused fixes deleted in one transaction."""

# A detached month that was not dropped any more, since the process ended in between.
LEFT_OVER = r"""
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
      AND c.relname ~ '^posiciones_(recientes|compactas)_\d{4}_\d{2}$'
"""
SIZE = "SELECT pg_total_relation_size(%s::regclass)"
# As of the last ANALYZE: counting a month of millions of rows takes longer than deleting it.
ESTIMATE = "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass"
REFUSED = "SELECT count(*) FROM posiciones_rechazadas WHERE fecha_recepcion < %s"
DROP_REFUSED = """
DELETE FROM posiciones_rechazadas WHERE id IN (SELECT id FROM posiciones_rechazadas WHERE fecha_recepcion < %s LIMIT %s)
"""


class Dropped(Struct):
    """A month that is deleted, or would be."""

    month: Month
    fixes: int = 0
    size: int = 0
    """Bytes on disk, indexes included."""
    estimated: bool = False
    """Whether ``fixes`` is the database's own estimate."""


class Retention:
    """Sets the connection to autocommit: detaching concurrently is a transaction of its own."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        connection.set_session(autocommit=True)
        self._connection = connection
        self._cursor = connection.cursor()

    def due(self, now: datetime, days: int) -> list[Dropped]:
        """The months that ended at least so many days ago, oldest first."""
        found: dict[Month, Dropped] = {}
        for name, month in self._tables(now, days):
            self._count(name, found.setdefault(month, Dropped(month)))
        return [found[month] for month in sorted(found)]

    def drop(self, now: datetime, days: int) -> list[Dropped]:
        """Delete them, and say what they had.

        A transaction that is open all the while is waited for, a minute a partition at most: then
        psycopg2.errors.LockNotAvailable, and the next call goes on from there.
        """
        found = self.due(now, days)
        self._cursor.execute("SET lock_timeout = '60s'")
        # What was begun is finished first, whatever its age: nothing else can be detached before.
        for parent in TABLES:
            for name in [name for name, is_pending in self._of(parent).items() if is_pending]:
                self._cursor.execute(f"ALTER TABLE {parent} DETACH PARTITION {name} FINALIZE")
        attached = {name: parent for parent in TABLES for name in self._of(parent)}
        for name, _ in self._tables(now, days):
            if name in attached:
                self._cursor.execute(f"ALTER TABLE {attached[name]} DETACH PARTITION {name} CONCURRENTLY")
            self._cursor.execute(f"DROP TABLE {name}")
        return found

    def refused(self, now: datetime, days: int) -> int:
        """How many fixes were refused in that time or before."""
        self._cursor.execute(REFUSED, (kept_from(now, days),))
        ((count,),) = self._cursor.fetchall()
        return int(count)

    def drop_refused(self, now: datetime, days: int) -> int:
        """Delete them, and say how many there were."""
        count, last = 0, BATCH
        while last:
            self._cursor.execute(DROP_REFUSED, (kept_from(now, days), BATCH))
            last = self._cursor.rowcount
            count += last
        return count

    def _of(self, parent: str) -> dict[str, bool]:
        return partitions(self._connection, parent)

    def _tables(self, now: datetime, days: int) -> list[tuple[str, Month]]:
        """The tables of those months, whether still partitions or not."""
        named = [(name, month_of(name)) for name in sorted(self._all())]
        return [(name, month) for name, month in named if month and month.is_due(now, days)]

    def _all(self) -> Iterator[str]:
        for parent in TABLES:
            yield from self._of(parent)
        self._cursor.execute(LEFT_OVER)
        yield from [name for (name,) in self._cursor.fetchall()]

    def _count(self, table: str, month: Dropped) -> None:
        month.size += self._ask(SIZE, (table,))
        if table.startswith("posiciones_compactas"):
            month.fixes += self._ask(f"SELECT coalesce(sum(fixes), 0) FROM {table}")
            return
        estimate = self._ask(ESTIMATE, (table,))
        month.estimated |= estimate > 0
        month.fixes += estimate if estimate > 0 else self._ask(f"SELECT count(*) FROM {table}")

    def _ask(self, sql: str, arguments: tuple[object, ...] = ()) -> int:
        self._cursor.execute(sql, arguments or None)
        ((value,),) = self._cursor.fetchall()
        return int(value)


def kept_from(now: datetime, days: int) -> datetime:
    """The first instant of the oldest month that is kept."""
    return (now - timedelta(days=days)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
