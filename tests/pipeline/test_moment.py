"""What counts as a vehicle's current state, whatever its clock says: with stand-ins, and with the real database."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, FakeVehicles, FakeWriter, a_fix, logged
from tests.storage.storing import StoreCase
from waygps.fix import Fix, Message
from waygps.live.messages import gps_update
from waygps.origin import Origin
from waygps.pipeline.clocks import SAMPLES
from waygps.pipeline.counting import Counters, Counts
from waygps.pipeline.pipeline import Pipeline
from waygps.position import Position, Vehicle

VAN, NOBODY = Vehicle(7, "A1", "AB123CD"), Vehicle(0, "N1", None)
MINUTE, HOUR = 60_000, 3_600_000


class MomentTests(SynchronousTestCase):
    """``self.now`` is the server's clock in milliseconds."""

    def setUp(self) -> None:
        self.now = NOON
        self.vehicles, self.writer, self.counters = FakeVehicles(VAN, NOBODY), FakeWriter(), Counters()
        self.heard: list[int] = []
        self.pipeline = Pipeline(self.vehicles, self.writer, [self.hear], counters=self.counters, now=lambda: self.now / 1000)

    def hear(self, vehicle: Vehicle, positions: Sequence[Position]) -> None:
        self.heard += [position.time - NOON for position in positions]

    def report(self, *fixes: Fix, device: str = "A1") -> None:
        """A message that is committed at once, and moved its vehicle."""
        self.pipeline.submit(Message(device=device, fixes=fixes, raw=b"raw"), Origin("lines"))
        self.writer.commit(moved=[self.writer.written[-1].vehicle.id])

    def drive(self, offset: int, minutes: int) -> list[str]:
        """A report a minute of a device whose clock is off by so much; gives what the log says."""
        with logged() as lines:
            for _ in range(minutes):
                self.now += MINUTE
                self.report(a_fix(self.now + offset))
        return lines

    def counted(self, vehicle: int = 7) -> tuple[int, int, int, int]:
        """Received, late, future and refused."""
        counts = self.counters.take().get(vehicle, Counts())
        return counts.received, counts.late, counts.future, counts.refused

    def moments(self) -> list[int]:
        """The moments of all positions, against the time of their reception."""
        return [each.moment - each.received for parcel in self.writer.written for each in parcel.positions]

    def test_ahead_does_not_freeze(self) -> None:
        """After a fix nine minutes ahead, which is believed, browsers see the next right one."""
        self.report(a_fix(NOON + 9 * MINUTE))
        self.now += 5_000
        self.report(a_fix(NOON + 4_000))
        assert self.heard == [9 * MINUTE, 4_000]
        assert self.counted() == (2, 0, 0, 0)

    def test_skew_applied(self) -> None:
        """A clock three hours behind is reported once; from then on its fixes count as new, with their own time in the row."""
        lines = self.drive(-3 * HOUR, SAMPLES + 5)
        assert lines == ["A1: its clock is off by -10800 s"]
        assert self.moments() == [-3 * HOUR] * (SAMPLES - 1) + [0] * 6
        assert {parcel.positions[0].time - parcel.positions[0].received for parcel in self.writer.written} == {-3 * HOUR}
        assert self.counted() == (SAMPLES + 5, 0, 0, 0)

    def test_mended_clock(self) -> None:
        """A clock that is set right is believed at once, and a later error is reported again."""
        self.drive(-HOUR, SAMPLES)
        assert self.drive(0, SAMPLES) == []
        assert self.moments()[-SAMPLES:] == [0] * SAMPLES
        assert self.drive(-HOUR, SAMPLES) == ["A1: its clock is off by -3600 s"]

    def test_clock_ahead_of_what_is_believed(self) -> None:
        """A clock that is hours ahead is recognised though each of its fixes is set apart."""
        with logged() as lines:
            for _ in range(SAMPLES):
                self.now += MINUTE
                self.pipeline.submit(Message(device="A1", fixes=(a_fix(self.now + HOUR),)), Origin("lines"))
        assert "A1: its clock is off by 3600 s" in lines
        assert self.pipeline.clocks.offset(7) == HOUR
        assert self.counted() == (SAMPLES, 0, SAMPLES, 0)

    def test_late(self) -> None:
        """What is older than what the vehicle reported before counts as late; the rest of the message does not."""
        self.report(a_fix(NOON - MINUTE))
        self.report(a_fix(NOON - 3 * MINUTE), a_fix(NOON - 2 * MINUTE), a_fix(NOON))
        assert self.counted() == (4, 2, 0, 0)

    def test_memory_in_order(self) -> None:
        """A device that sends what it kept, oldest first, is not late."""
        self.report(*(a_fix(NOON - HOUR + second * 1000) for second in range(10)))
        assert self.counted() == (10, 0, 0, 0)

    def test_future_and_refused(self) -> None:
        """Fixes from the future and fixes that cannot be are counted apart from each other, and as received."""
        with logged():
            self.report(a_fix(NOON + HOUR), a_fix(lat=91.0), a_fix(1), a_fix())
        assert self.counted() == (4, 0, 1, 2)

    def test_device_not_known_yet(self) -> None:
        """A device of which the database cannot say the vehicle is stored, counted nowhere, and shown to nobody."""
        for second in range(3):
            self.report(a_fix(NOON + second * 1000), device="N1")
        assert [parcel.vehicle for parcel in self.writer.written] == [NOBODY] * 3
        assert self.counters.take() == {}
        assert self.pipeline.clocks.offset(0) is None

    def test_device_not_known_yet_is_not_told(self) -> None:
        """What the spool took for a device without a vehicle moves nothing on a map."""
        receipt = self.pipeline.submit(Message(device="N1", fixes=(a_fix(),)), Origin("lines"))
        self.writer.commit()
        assert self.successResultOf(receipt).accepted
        assert self.heard == []


class MomentInDatabaseTest(StoreCase):
    """The same on its way through the real store into PostgreSQL."""

    STATE = "SELECT ultimo_lat::float, (extract(epoch FROM fecha_gps) * 1000)::bigint - %s FROM moviles WHERE id = %s"
    HISTORY = "SELECT (extract(epoch FROM fecha_gps) * 1000)::bigint - %s FROM posiciones_historicas ORDER BY id"

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.now = NOON
        self.shown: list[bytes] = []
        self.pipeline = Pipeline(self.vehicles, self.store, [self.show], now=lambda: self.now / 1000)

    def show(self, vehicle: Vehicle, positions: Sequence[Position]) -> None:
        self.shown.append(gps_update(vehicle, positions[-1], positions[-1]))

    def times_shown(self) -> list[str]:
        """What a page that watches is told as fecha_gps."""
        return [json.decode(update)["data"]["fecha_gps"] for update in self.shown]

    async def report(self, ahead: int, lat: float, later: int = MINUTE) -> None:
        """A fix so many milliseconds ahead of the server's clock, so much later than the last one."""
        self.now += later
        message = Message(device=self.bus.imei, fixes=(a_fix(self.now + ahead, lat),))
        assert (await self.pipeline.submit(message, Origin("lines"))).accepted

    async def test_ahead_does_not_freeze(self) -> None:
        """A fix nine minutes ahead is the current state from its reception, and the next right fix takes its place."""
        await self.report(9 * MINUTE, 1.0, later=0)
        assert self.rows(self.STATE, NOON, self.bus.id) == [(1.0, 0)]
        await self.report(-1_000, 2.0, later=5_000)
        assert self.rows(self.STATE, NOON, self.bus.id) == [(2.0, 4_000)]
        assert self.rows(self.HISTORY, NOON) == [(9 * MINUTE,), (4_000,)]

    async def test_wrong_time_zone_does_not_freeze(self) -> None:
        """A clock that falls three hours behind freezes its vehicle for ten minutes, until it is known, and no longer."""
        await self.report(0, 0.0)
        with logged():
            for number in range(SAMPLES + 2):
                await self.report(-3 * HOUR, 1.0 + number)
        assert self.rows(self.STATE, self.now, self.bus.id) == [(12.0, 0)]
        # The page that has the first report from initial_state leaves out what seems older.
        assert self.times_shown() == [f"2026-11-24T12:{minute:02}:00Z" for minute in (1, 11, 12, 13)]

    async def test_late_stays_late(self) -> None:
        """A late fix of a device with a right clock goes into the history and does not move the vehicle."""
        await self.report(0, 1.0)
        await self.report(-HOUR, 2.0)
        assert self.rows(self.STATE, NOON, self.bus.id) == [(1.0, MINUTE)]
        assert len(self.rows(self.HISTORY, NOON)) == 2
