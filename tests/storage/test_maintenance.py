"""The server looks after its history by itself, in a process of its own."""

from __future__ import annotations

import os
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from tests.postgres import until
from tests.storage.compacting import ROWS, SEGMENTS, HistoryTest
from waygps.config import History
from waygps.storage.maintenance import DAY, FIRST, Maintenance, commands


class Processes(Clock):
    """A clock to set, with the real reactor's processes."""

    def __init__(self) -> None:
        super().__init__()
        self.arguments: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def spawnProcess(self, protocol: Any, executable: str, args: list[str], env: dict[str, str]) -> Any:  # noqa: N802
        """Start it, and note how."""
        self.arguments.append(args)
        self.environments.append(env)
        return reactor.spawnProcess(protocol, executable, args, env=env)


class MaintenanceTest(HistoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Processes()
        self.lines: list[str] = []
        observer = cast(ILogObserver, self.note)  # a plain function is one, but for mypy
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def note(self, event: LogEvent) -> None:
        """Keep the lines that a process wrote, and complaints."""
        if "line" in event or "command" in event:
            self.lines.append(str(event.get("line", event.get("command"))))

    def maintenance(self, **history: int) -> Maintenance:
        """The service, running."""
        service = Maintenance(self.clock, self.url, History(**history), os.environ)
        service.startService()
        self.addCleanup(lambda: ensureDeferred(service.stopService()) if service.running else None)
        return service

    async def test_daily(self) -> None:
        """Some minutes after the start, and then every day, what is old is deleted and compacted; the log says what was done."""
        self.fill(vehicles=1, fixes=10)
        self.maintenance(compact_after_days=1, keep_days=30_000)
        self.clock.advance(FIRST - 1)
        assert self.clock.arguments == []
        self.clock.advance(1)
        await until(lambda: self.rows(SEGMENTS) == [(1,)], "the month is compacted")
        await until(lambda: len(self.lines) == 2, "both said what they did")
        assert self.lines[0] == "nothing is that old"
        assert self.lines[1].startswith("2026-10: 10 fixes compacted")
        await until(self.clock.getDelayedCalls, "both ended, and the next time is set")
        self.rows("SELECT expandir(1, dia) FROM posiciones_compactas")
        self.clock.advance(DAY)
        await until(lambda: self.rows(ROWS) == [(0,)], "it is compacted the next day")
        await until(lambda: len(self.lines) == 4, "both said what they did")

    async def test_password(self) -> None:
        """The URL of the database, which may have a password, is on no command line."""
        self.maintenance(keep_days=30_000)
        self.clock.advance(FIRST)
        await until(lambda: self.lines, "it ran")
        ((_, *arguments),) = self.clock.arguments
        assert arguments == ["-m", "waygps.cli", "cleanup", "--days", "30000"]
        assert self.clock.environments[0]["WAYGPS_DATABASE_URL"] == self.url

    async def test_stop(self) -> None:
        """A server that stops ends the process, and waits for that."""
        self.fill(vehicles=200, fixes=1000)
        service = self.maintenance(compact_after_days=1)
        self.clock.advance(FIRST)
        await until(lambda: self.rows(SEGMENTS) != [(0,)], "it is at work")
        await service.stopService()
        assert self.rows(ROWS) != [(0,)], "it was stopped too late to tell"
        assert self.lines == []
        assert self.clock.getDelayedCalls() == []

    async def test_failure(self) -> None:
        """A process that fails is complained about, and the other one still does its work."""
        self.fill(vehicles=1, fixes=10)
        self.rows("ALTER TABLE posiciones_rechazadas RENAME TO otra")
        self.maintenance(compact_after_days=1, keep_days=30_000)
        self.clock.advance(FIRST)
        await until(lambda: self.rows(SEGMENTS) == [(1,)], "the month is compacted")
        assert self.lines[0].startswith("Error: the database says: ")
        assert self.lines[1] == "cleanup --days 30000"

    def test_nothing_to_do(self) -> None:
        """With neither setting there is no process, ever."""
        self.maintenance()
        assert self.clock.getDelayedCalls() == []
        assert commands(History()) == []
