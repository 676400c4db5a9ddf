"""How batches form, and what one bad row does to them, against a real PostgreSQL."""

from __future__ import annotations

from msgspec import json

from tests.fakes import FakeVehicles
from tests.postgres import DatabaseTest, clock
from tests.storage import NOON, RecordingSession, at, fix, parcel, vehicle
from waygps.fix import Message
from waygps.live.batch import Batch
from waygps.live.hub import Hub
from waygps.live.messages import plain
from waygps.live.update import Update
from waygps.origin import Origin
from waygps.pipeline.pipeline import Pipeline
from waygps.position import Stored, Vehicle
from waygps.storage.writer import BatchWriter, ShardedWriter

HISTORY = "SELECT count(*) FROM posiciones_historicas"
APART = "SELECT imei, motivo FROM posiciones_rechazadas ORDER BY id"


class Browser:
    """A client of the hub that notes the times it is shown."""

    session = b""

    def __init__(self) -> None:
        self.times: list[str] = []

    def take(self, batch: Batch) -> None:
        for item in batch.items:
            assert isinstance(item, Update), "no state changes"
            self.times.append(json.decode(plain(item, trail=False))["data"]["fecha_gps"][11:19])

    def alert(self, kind: str, message: bytes) -> None:
        raise AssertionError("nothing is wrong")

    def end(self, code: int, reason: str) -> None:
        raise AssertionError("nobody ends it")


class BatchTest(DatabaseTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.bus = vehicle(self.url)
        self.recorded = RecordingSession(clock, self.url, "prueba")
        await self.started(self.recorded)
        self.writer = BatchWriter(self.recorded, most=100)

    async def test_row_that_postgresql_refuses(self) -> None:
        """One impossible fix among many is set apart with the reason, and the others are stored and acknowledged."""
        positions = [at(self.bus, second, speed_kmh=9999 if second == 13 else 50) for second in range(20)]
        writing = [self.writer.write(parcel(self.bus, *positions[n : n + 4])) for n in range(0, 20, 4)]
        stored = [await each for each in writing]
        assert self.rows(HISTORY) == [(19,)]
        ((imei, reason),) = self.rows(APART)
        assert imei == self.bus.imei
        assert "velocidad" in reason
        assert set(stored[-1].moved) == {self.bus.id}

    async def test_batches_form_by_themselves(self) -> None:
        """Under load many reports share one statement, a report alone goes at once, and answers keep their order."""
        answered: list[int] = []
        writing = [self.writer.write(parcel(self.bus, at(self.bus, number))) for number in range(251)]
        for number, each in enumerate(writing):
            each.addCallback(self._note, answered, number)
        assert self.recorded.batches == [1]
        for each in writing:
            await each
        assert self.recorded.batches == [1, 100, 100, 50]
        assert answered == list(range(251))

    @staticmethod
    def _note(stored: Stored, answered: list[int], number: int) -> Stored:
        answered.append(number)
        return stored

    async def test_parcel_above_the_bound(self) -> None:
        """A message with more fixes than a batch may have is stored whole."""
        stored = await self.writer.write(parcel(self.bus, *[at(self.bus, second) for second in range(250)]))
        assert stored.new == 250

    async def test_one_vehicle_has_one_writer(self) -> None:
        """The reports of one vehicle keep their order though several connections write."""
        other = RecordingSession(clock, self.url, "otra")
        await self.started(other)
        sharded = ShardedWriter([self.writer, BatchWriter(other)])
        even, odd = Vehicle(6, "6", None), Vehicle(7, "7", None)
        for second in range(4):
            await sharded.write(parcel(even, at(even, second)))
            await sharded.write(parcel(odd, at(odd, second)))
        assert (self.recorded.batches, other.batches) == ([1] * 4, [1] * 4)

    async def test_history_and_state_are_one(self) -> None:
        """When the current state cannot be written, the history has no row either: nobody sees half a fix."""
        self.rows("ALTER TABLE moviles ADD CONSTRAINT tope CHECK (ultimo_lat < 0)")
        await self.writer.write(parcel(self.bus, at(self.bus, lat=1.0)))
        assert self.rows(HISTORY) == [(0,)]
        ((_, reason),) = self.rows(APART)
        assert "tope" in reason

    async def test_buffered_report_beside_a_newer_one(self) -> None:
        """A browser does not see the vehicle jump back when an old, buffered report is committed together with a newer one."""
        hub, browser = Hub(), Browser()
        hub.join(browser)
        pipeline = Pipeline(FakeVehicles(self.bus), ShardedWriter([self.writer]), [hub.tell], now=lambda: NOON / 1000)
        seconds = (-50, -40, -600, -30)
        messages = [Message(device=self.bus.imei, fixes=(fix(second),)) for second in seconds]
        for receipt in [pipeline.submit(message, Origin("prueba")) for message in messages]:
            assert (await receipt).accepted
        assert self.recorded.batches == [1, 3]
        assert browser.times == ["11:59:10", "11:59:20", "11:59:30"]
