"""Spools that a process left which is not started any more."""

from __future__ import annotations

from pathlib import Path

from tests.postgres import clock, server, until
from tests.storage.storing import StoreCase
from waygps.storage.orphans import OrphanService, orphans
from waygps.storage.replay import Replay
from waygps.storage.spool import Spool
from waygps.storage.writer import BatchWriter


class OrphansTest(StoreCase):
    async def left(self, worker: int, *seconds: int) -> Path:
        """The directory of a worker that acknowledged reports of these seconds, and is gone."""
        directory = self.directory / f"worker-{worker}"
        spool = Spool(clock, directory, 8)
        spool.open()
        spool.start()
        for second in seconds:
            await spool.append(self.parcel(second))
        spool.close()
        return directory

    def emptying(self, workers: int) -> OrphanService:
        """The service of a server with so many workers, stopped after the test."""
        writer = BatchWriter(self.writing, 100)
        service = OrphanService(
            clock,
            orphans(self.directory, workers),
            lambda directory: Spool(clock, directory, 8),
            lambda spool: Replay(writer, spool, self.vehicles, self.quarantine),
        )
        self.addCleanup(service.stopService)
        service.startService()
        return service

    async def test_which(self) -> None:
        """Only the spools of processes that are not started count: with fewer workers than before, or none."""
        found = [await self.left(number, 0) for number in range(3)]
        assert orphans(self.directory, 1) == found
        assert orphans(self.directory, 2) == [found[2], self.directory]
        assert orphans(self.directory, 4) == [self.directory]

    async def test_emptied(self) -> None:
        """An operator who goes back to one process loses nothing that the others had acknowledged."""
        await self.left(0, 1, 2)
        await self.left(1, 3)
        self.emptying(1)
        await until(lambda: self.history() == [1, 2, 3], "all three fixes are in the history")

    async def test_out_of_reach(self) -> None:
        """While PostgreSQL is away they wait, and are stored when it is back."""
        await self.left(0, 1)
        await self.crash()
        self.emptying(1)
        server().start()
        await until(lambda: self.writing.is_up, "PostgreSQL is back")
        await until(lambda: self.history() == [1], "the fix is in the history")

    async def test_emptied_once(self) -> None:
        """What was stored is not there any more at the next start."""
        await self.left(0, 1)
        self.emptying(1)
        await until(lambda: self.history() == [1], "the fix is in the history")
        spool = Spool(clock, self.directory / "worker-0", 8)
        await until(lambda: self.fixes(spool) == 0, "the spool is empty")

    def fixes(self, spool: Spool) -> int:
        """How many fixes are in the file."""
        spool.open()
        return spool.fixes
