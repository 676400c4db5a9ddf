"""The counters of the vehicles in the table that operators read."""

from __future__ import annotations

from tests.postgres import DatabaseTest, clock, server, until
from tests.storage import vehicle
from waygps.pipeline.counting import Counters
from waygps.storage.session import Session
from waygps.storage.tally import Tally

COUNTS = "SELECT recibidos, repetidos, tardios, futuros, rechazados, desfase_reloj_s FROM contadores_moviles ORDER BY movil_id"


class TallyTest(DatabaseTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.bus = vehicle(self.url)
        self.upkeep = await self.started(Session(clock, self.url, "upkeep"))
        self.counters = Counters()
        self.offsets: dict[int, int] = {}
        self.tally = Tally(clock, self.upkeep, self.counters, self.offsets.get)

    def count(self, of: int, received: int) -> None:
        """So many fixes came, of which one of each kind."""
        counts = self.counters.of(of)
        counts.received += received
        counts.repeated += 1
        counts.late += 2
        counts.future += 3
        counts.refused += 4

    async def test_sums(self) -> None:
        """The counts of a vehicle grow with every writing, and nothing is counted twice."""
        for received in (10, 20):
            self.count(self.bus.id, received)
            await self.tally.write()
        await self.tally.write()
        assert self.rows(COUNTS) == [(30, 2, 4, 6, 8, None)]

    async def test_clock_that_is_off(self) -> None:
        """How far a clock is off is told in seconds, stays while there is nothing newer, and has a bound."""
        for milliseconds, seconds in ((-3_600_400, -3600), (None, -3600), (10**15, 2**31 - 1)):
            self.offsets.clear()
            if milliseconds is not None:
                self.offsets[self.bus.id] = milliseconds
            self.count(self.bus.id, 1)
            await self.tally.write()
            assert self.rows("SELECT desfase_reloj_s FROM contadores_moviles") == [(seconds,)]

    async def test_away(self) -> None:
        """What was counted while PostgreSQL was away is written when it is back."""
        server().crash()
        await until(lambda: not self.upkeep.is_up, "the death is noticed")
        for _ in range(2):
            self.count(self.bus.id, 5)
            await self.tally.write()
        server().start()
        await until(lambda: self.upkeep.is_up, "the connection is back")
        await self.tally.write()
        assert self.rows(COUNTS) == [(10, 2, 4, 6, 8, None)]

    async def test_deleted_vehicle(self) -> None:
        """The counts of a vehicle that an operator deleted disturb nobody else's."""
        self.count(self.bus.id + 1000, 5)
        self.count(self.bus.id, 7)
        await self.tally.write()
        assert self.rows(COUNTS) == [(7, 1, 2, 3, 4, None)]

    async def test_stop(self) -> None:
        """What was counted since the last minute is written down when the server stops."""
        self.tally.startService()
        self.count(self.bus.id, 3)
        assert self.rows(COUNTS) == []
        await self.tally.stopService()
        assert self.rows(COUNTS) == [(3, 1, 2, 3, 4, None)]
