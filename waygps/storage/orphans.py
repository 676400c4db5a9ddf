"""Spools of processes that are not started any more: what they acknowledged goes into PostgreSQL all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from waygps.errors import StoreUnavailable
from waygps.storage.replay import Replay
from waygps.storage.spool import Spool
from waygps.storage.spool_file import NAME

PAUSE = 2.0
"""Seconds between two tries to reach PostgreSQL."""


def orphans(data_dir: Path, workers: int) -> list[Path]:
    """The directories with the spool of a process that ``workers`` (1: one process without a number) does not have."""
    numbered = {path: int(path.name.partition("-")[2]) for path in data_dir.glob("worker-*") if path.name[7:].isdecimal()}
    gone = [path for path, number in sorted(numbered.items()) if workers == 1 or number >= workers]
    if workers > 1:
        gone.append(data_dir)
    return [path for path in gone if (path / NAME).exists()]


class OrphanService(Service):
    """Empties the spools of these directories, one after the other; ``replay(spool)`` writes what one holds."""

    _log = Logger()
    name = "orphans"

    def __init__(
        self, reactor: Any, directories: Iterable[Path], spool: Callable[[Path], Spool], replay: Callable[[Spool], Replay]
    ) -> None:
        self._reactor = reactor
        self._directories = list(directories)
        self._spool = spool
        self._replay = replay
        self._working: Deferred[None] | None = None

    def startService(self) -> None:
        super().startService()
        self._working = ensureDeferred(self._empty_all())
        self._working.addErrback(self._eb_work)

    def stopService(self) -> None:
        super().stopService()
        if self._working is not None:
            self._working.cancel()

    async def _empty_all(self) -> None:
        for directory in self._directories:
            spool = self._spool(directory)
            spool.open()
            spool.start()
            try:
                await self._empty(spool)
            finally:
                spool.close()

    async def _empty(self, spool: Spool) -> None:
        if spool.fixes:
            self._log.info("{fixes} fixes are in {path}, whose process is gone", fixes=spool.fixes, path=str(spool.path))
        replay = self._replay(spool)
        while spool.fixes:
            try:
                await replay.step()
            except StoreUnavailable:
                await deferLater(self._reactor, PAUSE)

    def _eb_work(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self._log.failure("a spool whose process is gone is not emptied; the next start tries again", failure)
