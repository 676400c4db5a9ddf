"""The spool's file: SQLite in WAL mode. Everything here blocks; all but the looking at the start runs in the spool's thread."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

NAME = "spool.sqlite3"
PAGE = 4096
COLUMNS = "number INTEGER PRIMARY KEY, received INTEGER NOT NULL, fixes INTEGER NOT NULL, body BLOB NOT NULL"
SCHEMA = f"CREATE TABLE IF NOT EXISTS parcels ({COLUMNS}); CREATE TABLE IF NOT EXISTS unreadable ({COLUMNS});"
APPEND = "INSERT INTO parcels (received, fixes, body) VALUES (?, ?, ?)"
OLDEST = "SELECT number, received, fixes, body FROM parcels ORDER BY number LIMIT ?"
FORGET = "DELETE FROM parcels WHERE number = ?"
SET_ASIDE = "INSERT INTO unreadable SELECT * FROM parcels WHERE number = ?"
AT_ONCE = 1000
"""Fixes in one append, and about so many in one reading: a few milliseconds of the event loop's time."""
PARCELS = 500


def set_up(connection: sqlite3.Connection, most_mb: int = 0) -> None:
    """Make every commit durable, and with ``most_mb`` bound the file."""
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # the log is fsynced at every commit
    connection.execute("PRAGMA fullfsync = ON")  # where fsync alone does not reach the disk
    if most_mb:
        connection.execute(f"PRAGMA max_page_count = {most_mb * 2**20 // PAGE}")


def contents(path: Path) -> tuple[int, float | None]:
    """Check the file, making it if need be; gives its fixes and when the oldest came, seconds since 1970.

    sqlite3.DatabaseError (and not OperationalError): it is damaged.
    """
    with closing(sqlite3.connect(path)) as connection:
        set_up(connection)
        ((verdict,),) = connection.execute("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        connection.executescript(SCHEMA)
        ((fixes, oldest),) = connection.execute("SELECT coalesce(sum(fixes), 0), min(received) FROM parcels")
    return fixes, oldest and oldest / 1000


def put_aside(path: Path) -> Path:
    """Rename a damaged file, and what belongs to it; gives its new name."""
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def oldest_rows(connection: Any) -> list[tuple[int, int, int, bytes]]:
    """The oldest parcels: number, time of reception in milliseconds, fixes, body; about AT_ONCE fixes."""
    rows, fixes = [], 0
    for row in connection.execute(OLDEST, (PARCELS,)):
        rows.append(row)
        fixes += row[2]
        if fixes >= AT_ONCE:
            break
    return rows


def insert(connection: Any, rows: Iterable[tuple[int, int, bytes]]) -> None:
    """Append these parcels: time of reception in milliseconds, fixes, body."""
    connection.executemany(APPEND, [(received, fixes, zlib.compress(body, 1)) for received, fixes, body in rows])
    connection.commit()


def delete(connection: Any, numbers: Iterable[tuple[int]]) -> None:
    """Forget the parcels of these numbers."""
    connection.executemany(FORGET, numbers)
    connection.commit()


def move_aside(connection: Any, numbers: Sequence[tuple[int]]) -> None:
    """Keep the parcels of these numbers out of the way."""
    connection.executemany(SET_ASIDE, numbers)
    connection.executemany(FORGET, numbers)
    connection.commit()


def vacuum(connection: Any) -> None:
    """Give the disk back."""
    connection.commit()
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
