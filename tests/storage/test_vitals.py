"""Heartbeats that say how a vehicle is without saying where: its state changes, its history does not."""

from __future__ import annotations

from tests.fakes import NOON, FakeVehicles, a_fix
from tests.postgres import DatabaseTest, clock, connected, server, until
from tests.storage import vehicle
from waygps import events
from waygps.fix import Message, Vitals
from waygps.origin import Origin
from waygps.pipeline.pipeline import ACCEPTED, Pipeline
from waygps.position import Vehicle
from waygps.storage.session import Session
from waygps.storage.vitals import VitalsService
from waygps.storage.writer import BatchWriter

STATE = "SELECT ignicion, bateria_porcentaje FROM moviles WHERE id = %s"


class VitalsTest(DatabaseTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.bus = vehicle(self.url)
        self.upkeep = await self.started(Session(clock, self.url, "latidos"))
        self.told: list[tuple[int, Vitals]] = []
        self.alarms: list[tuple[Vehicle, str]] = []
        self.vitals = VitalsService(
            clock, self.upkeep, lambda *told: self.told.append(told), lambda *told: self.alarms.append(told)
        )
        writer = BatchWriter(await self.started(Session(clock, self.url, "escritor")))
        self.pipeline = Pipeline(FakeVehicles(self.bus), writer, vitals=self.vitals, now=lambda: NOON / 1000)

    async def say(self, fixes: bool = False, **vitals: object) -> None:
        """A message of the bus."""
        said = Vitals(**vitals) if vitals else None  # type: ignore[arg-type]
        message = Message(device=self.bus.imei, fixes=(a_fix(ignition=True, battery_pct=50),) if fixes else (), vitals=said)
        assert await self.pipeline.submit(message, Origin("lines")) == ACCEPTED

    async def written(self) -> None:
        """What waits is written."""
        self.vitals.beat()
        await until(lambda: self.vitals._writing is None, "it is written")

    async def test_heartbeat(self) -> None:
        """A parked vehicle whose heartbeat says ignition and charge is shown with them, and its history has no new row."""
        await self.say(ignition=True)
        await self.say(battery_pct=80)
        await self.written()
        assert self.rows(STATE, self.bus.id) == [(True, 80)]
        assert self.told == [(self.bus.id, Vitals(ignition=True, battery_pct=80))]
        assert self.rows("SELECT count(*) FROM posiciones_historicas") == [(0,)]

    async def test_what_is_not_said_stays(self) -> None:
        """A heartbeat that knows only the charge leaves the ignition as it was."""
        await self.say(fixes=True)
        await self.say(battery_pct=40)
        await self.written()
        assert self.rows(STATE, self.bus.id) == [(True, 40)]

    async def test_newer_fix_wins(self) -> None:
        """A fix that follows a heartbeat at once is not undone by it."""
        await self.say(ignition=False, battery_pct=10)
        await self.say(fixes=True)
        await self.written()
        assert self.rows(STATE, self.bus.id) == [(True, 50)]

    async def test_alarm_without_a_position(self) -> None:
        """An SOS from a garage, where there is no sky, is told at once."""
        await self.say(alarm=events.SOS)
        assert self.alarms == [(self.bus, events.SOS)]

    async def test_locked_row(self) -> None:
        """A row that the store is writing is passed over, and written a moment later."""
        other = connected(self.url)
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("SELECT id FROM moviles WHERE id = %s FOR UPDATE", (self.bus.id,))
            await self.say(battery_pct=70)
            await self.written()
            assert self.told == []
        other.rollback()
        other.close()
        await self.written()
        assert self.rows(STATE, self.bus.id) == [(False, 70)]

    async def test_while_away(self) -> None:
        """What heartbeats say during an outage is written after it."""
        server().crash()
        await until(lambda: not self.upkeep.is_up, "the death is noticed")
        await self.say(battery_pct=60)
        await self.written()
        server().start()
        await until(lambda: self.upkeep.is_up, "the connection is back")
        await self.written()
        assert self.rows(STATE, self.bus.id) == [(False, 60)]
