"""A store with all its parts, as the server has it: PostgreSQL, the spool, and what happens between them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.postgres import DatabaseTest, clock, server, until
from tests.storage import NOON, RecordingSession, at, outcome_of, parcel, vehicle
from waygps.config import Quarantine as Bounds
from waygps.origin import Origin, Policy
from waygps.position import Parcel, Vehicle
from waygps.storage.quarantine import Quarantine
from waygps.storage.session import Session
from waygps.storage.spool import Spool
from waygps.storage.store import Store
from waygps.storage.vehicles import Vehicles
from waygps.storage.writer import BatchWriter

PATIENCE = 0.5
"""Seconds that PostgreSQL has for a statement."""
IMEI = "864394040001234"
"""A device that nobody entered."""


class StoreCase(DatabaseTest):
    """``self.store`` runs; ``alerts`` are the kinds of what was told. ``again`` makes another one on the same file."""

    timeout = 40
    most_mb = 8
    unknown: Policy = "registrar"
    """What becomes of devices that are not in moviles."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        directory = TemporaryDirectory(prefix="waygps-tests-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.alerts: list[str] = []
        self.bus = vehicle(self.url)
        await self.again()

    async def again(self, url: str = "", running: bool = True) -> None:
        """A new store, its sessions connected; to this URL where the way to PostgreSQL is another."""
        self.writing = RecordingSession(clock, url or self.url, "writer", PATIENCE)
        self.asking = Session(clock, url or self.url, "vehicles", PATIENCE)
        for session in (self.writing, self.asking):
            await self.started(session)
        self.vehicles = Vehicles(self.asking)
        await self.vehicles.start()
        self.spool = Spool(clock, self.directory, self.most_mb)
        self.spool.open()
        self.quarantine = Quarantine(self.asking, Bounds(), clock.seconds)
        writer, alert = BatchWriter(self.writing, 100), lambda kind, text: self.alerts.append(kind)
        self.store = Store(clock, writer, self.spool, self.vehicles, self.quarantine, alert)
        if running:
            self.store.startService()
            self.addCleanup(self.stop)

    def stop(self) -> None:
        """The store stops, and then its connections."""
        if self.store.running:
            self.store.stopService()
        for session in (self.writing, self.asking):
            session.stop()

    def write(self, second: float = 0, of: Vehicle | None = None) -> list[object]:
        """What became of a report of this second."""
        return outcome_of(self.store.write(self.parcel(second, of)))

    def parcel(self, second: float, of: Vehicle | None = None) -> Parcel:
        """What a message of this second brings."""
        whose, origin = of or self.bus, Origin("lines", "Lines TCP", self.unknown)
        return parcel(whose, at(whose, second), message=b"raw", origin=origin)

    async def crash(self) -> None:
        """PostgreSQL is gone, and everybody has noticed."""
        server().crash()
        await until(lambda: not (self.writing.is_up or self.asking.is_up), "the death is noticed")

    async def spooled(self, seconds: range, of: Vehicle | None = None) -> None:
        """Reports of these seconds, which all are durable though PostgreSQL does not have them."""
        outcomes = [self.write(second, of) for second in seconds]
        await until(lambda: all(outcomes), "everything is acknowledged")
        assert {type(outcome).__name__ for (outcome,) in outcomes} == {"Stored"}

    async def drained(self) -> None:
        """The spool is empty and PostgreSQL is in use."""
        await until(lambda: not (self.spool.fixes or self.store.is_away), "the spool is drained", within=20)

    def history(self) -> list[int]:
        """The seconds of the fixes in the history, in the order in which they were stored."""
        found = self.rows("SELECT extract(epoch FROM fecha_gps) * 1000 FROM posiciones_historicas ORDER BY id")
        return [int(time - NOON) // 1000 for (time,) in found]

    def spool_sql(self, sql: str) -> None:
        """Another program changes the spool's file."""
        with closing(sqlite3.connect(self.spool.path)) as connection, connection:
            connection.execute(sql)
