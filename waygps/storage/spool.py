"""What takes parcels while PostgreSQL is out of reach: a file, every append fsynced, in a thread of its own.

Parcels are kept as JSON, which holds whatever a decoder may have put into a fix, compressed to a fourth by zlib. The numbers of
the rows are the order.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import MsgspecError, Struct, json
from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from waygps.errors import SpoolFull, SpoolUnavailable, StoreUnavailable, WayGPSError
from waygps.position import Parcel
from waygps.storage.gathering import Gathering
from waygps.storage.spool_file import AT_ONCE, NAME, contents, delete, insert, move_aside, oldest_rows, put_aside, set_up, vacuum

_encode = json.Encoder().encode
_decode = json.Decoder(Parcel).decode


class Kept(Struct, frozen=True):
    """A parcel in the spool, and its number there."""

    number: int
    parcel: Parcel


class Spool:
    """``fixes`` it holds, the time of the ``oldest`` (seconds since 1970; None while it is empty), and whether it ``is_full``."""

    _log = Logger()

    def __init__(self, reactor: Any, directory: Path, most_mb: int) -> None:
        self.path = directory / NAME
        self.fixes = 0
        self.oldest: float | None = None
        self.is_full = False
        self._reactor = reactor
        self._set_up = partial(set_up, most_mb=most_mb)
        self._gathering = Gathering(self._append, AT_ONCE)
        self._pool: ConnectionPool | None = None

    def open(self) -> None:
        """Look into the file, or make it. Blocks. A damaged one is put aside for an operator; WayGPSError: it cannot be had."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.fixes, self.oldest = self._look()
        except (OSError, sqlite3.Error) as error:
            raise WayGPSError(f"the spool {self.path} cannot be opened: {error} (setting data_dir)") from error

    def _look(self) -> tuple[int, float | None]:
        try:
            return contents(self.path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            aside = str(put_aside(self.path))
            self._log.critical(
                "the spool is damaged ({reason}): it is kept as {aside}, acknowledged fixes in it are not in the history. "
                "Try: sqlite3 {aside} .recover",
                reason=str(error),
                aside=aside,
            )
            return contents(self.path)

    def start(self) -> None:
        """Begin to take parcels: a thread of its own, started when first needed."""
        self._pool = ConnectionPool(
            "sqlite3",
            str(self.path),
            check_same_thread=False,
            cp_min=1,
            cp_max=1,
            cp_openfun=self._set_up,
            cp_reactor=self._reactor,
        )
        self._pool.start()

    def close(self) -> None:
        """Close the file. What is being appended fails."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def append(self, parcel: Parcel) -> Deferred[None]:
        """Fires when the parcel is on disk; fails with SpoolFull, or SpoolUnavailable where the disk does not take it."""
        return self._gathering.put(parcel)

    async def first(self) -> list[Kept]:
        """The oldest parcels, in their order."""
        rows = await self._run(oldest_rows)
        self.oldest = rows[0][1] / 1000 if rows else None
        kept = [self._read(*row) for row in rows]
        unreadable = [row for row, parcel in zip(rows, kept, strict=True) if parcel is None]
        if unreadable:
            await self._set_aside([row[0] for row in unreadable], sum(row[2] for row in unreadable))
        return [parcel for parcel in kept if parcel is not None]

    async def forget(self, kept: Sequence[Kept]) -> None:
        """These are in PostgreSQL."""
        if not kept:
            return
        await self._run(delete, [(each.number,) for each in kept])
        self._count(-sum(_fixes(each.parcel) for each in kept))
        self.is_full = False

    async def set_aside(self, kept: Kept) -> None:
        """No database takes this one: it stays in the file, for an operator, and out of the way."""
        await self._set_aside([kept.number], _fixes(kept.parcel))

    async def tidy(self) -> None:
        """Give the disk back; for an empty spool."""
        await self._run(vacuum)

    # -- on the event loop

    async def _append(self, parcels: Sequence[Parcel]) -> None:
        now = int(time.time() * 1000)
        await self._run(insert, [(now, _fixes(parcel), _encode(parcel)) for parcel in parcels])
        self.oldest = self.oldest or now / 1000
        self._count(sum(map(_fixes, parcels)))

    async def _run(self, work: Any, *arguments: Any) -> Any:
        if self._pool is None:
            raise StoreUnavailable("the server is stopping")
        try:
            return await self._pool.runWithConnection(work, *arguments)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
                self.is_full = True
                raise SpoolFull(f"the spool {self.path} is full: {error}") from error
            raise SpoolUnavailable(f"the spool {self.path} cannot be used: {error}") from error

    def _count(self, fixes: int) -> None:
        self.fixes += fixes
        if not self.fixes:
            self.oldest = None

    def _read(self, number: int, received: int, fixes: int, body: bytes) -> Kept | None:
        try:
            return Kept(number, _decode(zlib.decompress(body)))
        except (MsgspecError, UnicodeError, RecursionError, zlib.error) as error:
            self._log.error("parcel {number} of the spool cannot be read: {reason}", number=number, reason=str(error))
            return None

    async def _set_aside(self, numbers: Sequence[int], fixes: int) -> None:
        where = str(self.path)
        self._log.critical("{fixes} acknowledged fixes are kept in the table unreadable of {where}", fixes=fixes, where=where)
        await self._run(move_aside, [(number,) for number in numbers])
        self._count(-fixes)


def _fixes(parcel: Parcel) -> int:
    return len(parcel.positions) + len(parcel.refused)
