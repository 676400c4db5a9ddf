"""Months of the history, in UTC: which there are, and which are of an age."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import psycopg2.extensions
from msgspec import Struct

PARTITIONS = """
SELECT c.relname, h.inhdetachpending FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
WHERE h.inhparent = %s::regclass ORDER BY c.relname
"""
_NAME = re.compile(r"(\d{4})_(\d{2})$")


class Month(Struct, frozen=True, order=True):
    """A calendar month in UTC."""

    first: date

    @property
    def end(self) -> datetime:
        """The first instant of the next month."""
        following = (self.first + timedelta(days=31)).replace(day=1)
        return datetime(following.year, following.month, 1, tzinfo=UTC)

    @property
    def rows(self) -> str:
        """The partition with its rows as they came."""
        return f"posiciones_recientes_{self.first:%Y_%m}"

    @property
    def segments(self) -> str:
        """The partition with its compact form."""
        return f"posiciones_compactas_{self.first:%Y_%m}"

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    def is_due(self, now: datetime, days: int) -> bool:
        """Whether this month ended at least so many days ago."""
        return now >= self.end + timedelta(days=days)


def partitions(connection: psycopg2.extensions.connection, table: str) -> dict[str, bool]:
    """The partitions of a table by name; True where detaching one was begun and not finished."""
    with connection, connection.cursor() as cursor:
        cursor.execute(PARTITIONS, (table,))
        return dict(cursor.fetchall())


def month_of(partition: str) -> Month | None:
    """The month in the name of a partition; None where somebody else made and named it."""
    found = _NAME.search(partition)
    try:
        return Month(date(int(found[1]), int(found[2]), 1)) if found else None
    except ValueError:
        return None


def months_with(connection: psycopg2.extensions.connection, table: str) -> list[Month]:
    """The months that have a partition of this table, oldest first."""
    return sorted(month for name in partitions(connection, table) if (month := month_of(name)))
