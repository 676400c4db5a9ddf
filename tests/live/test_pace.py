"""How often clients are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON
from tests.live.telling import an_update
from waygps.live.pace import GRAIN, LONGEST_REST, Pace
from waygps.live.update import MOST_POINTS, Item, Said, Update


class PaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[tuple[float, list[Item]]] = []
        self.cost = 0.0
        self.pace = Pace(self.clock, 1.0, self.flush)

    def flush(self, items: Sequence[Item], done: Callable[[], None]) -> None:
        self.told.append((round(self.clock.seconds(), 3), list(items)))
        if self.cost:
            self.clock.callLater(self.cost, done)
        else:
            done()

    def at(self, time: float) -> None:
        """Let the time come."""
        while self.clock.getDelayedCalls() and self.clock.getDelayedCalls()[0].getTime() <= time:
            self.clock.advance(max(0.0, self.clock.getDelayedCalls()[0].getTime() - self.clock.seconds()))
        self.clock.advance(max(0.0, time - self.clock.seconds()))

    def moves(self, time: float, vehicle: int, lat: float = 0.0) -> None:
        """The vehicle reports at this time."""
        self.at(time)
        self.pace.offer(an_update(vehicle, lat, time=NOON + round(time * 1000)))

    def times(self, vehicle: int) -> list[float]:
        """When clients were told of this vehicle."""
        return [time for time, items in self.told for item in items if item.vehicle == vehicle]

    def test_first_at_once(self) -> None:
        """The first update of a vehicle goes out at once, whatever others do."""
        for vehicle in range(5):
            self.moves(vehicle / 10, vehicle)
        self.at(0.4)
        assert [self.times(vehicle) for vehicle in range(5)] == [[0.0], [0.1], [0.2], [0.3], [0.4]]

    def test_once_an_interval(self) -> None:
        """A vehicle that reports ten times a second is told once a second, with its newest report, and the last one arrives."""
        for tick in range(45):
            self.moves(tick / 10, 1, tick / 10)
        self.at(10)
        times = self.times(1)
        assert all(later - earlier >= 1 for earlier, later in pairwise(times)), times
        assert len(times) == 6
        last = self.told[-1][1][-1]
        assert isinstance(last, Update)
        assert last.place[0] == 4.4

    def test_no_truth_is_lost(self) -> None:
        """Every report in between is a point of the next update's trail, in order and once."""
        for tick in range(25):
            self.moves(tick / 10, 1, float(tick))
        self.at(10)
        updates = [item for _, items in self.told for item in items if isinstance(item, Update)]
        points = [lat for update in updates for lat in (*(point[1] for point in update.trail), update.place[0])]
        assert points == [float(tick) for tick in range(25)]

    def test_trail_has_an_end(self) -> None:
        """A device that reports without end between two updates costs a bounded number of points."""
        for tick in range(1000):
            self.moves(tick / 2000, 1)
        self.at(2)
        assert max(len(item.trail) for _, items in self.told for item in items if isinstance(item, Update)) == MOST_POINTS

    def test_exactly_one_a_second(self) -> None:
        """A vehicle that reports once a second, never quite on time, is told at once, and a late report delays no later ones."""
        for second, late in enumerate((0, 0.02, 0.3, 0, 0.05, 0.01, 0, 0.04, 0.08, 0, 0.03, 0)):
            self.moves(second + late, 1, float(second))
        self.at(20)
        delays = [time - second for time, second in zip(self.times(1), range(12), strict=True)]
        assert delays[1] < 0.03
        assert all(delay <= 0.31 for delay in delays)
        assert max(delays[7:]) < 0.1

    def test_batched_while_the_server_is_busy(self) -> None:
        """When telling all clients takes long, updates of many vehicles go together: the rest of the time is the devices'."""
        self.cost = 0.02
        for tick in range(200):
            self.moves(tick / 100, tick)
        self.at(5)
        assert sum(len(items) for _, items in self.told) == 200
        assert 7 <= len(self.told) <= 12
        times = [time for time, _ in self.told]
        assert max(later - earlier for earlier, later in pairwise(times)) < 0.25

    def test_longest_rest(self) -> None:
        """However long it takes to tell all clients, the next update does not wait longer for it than half an interval."""
        self.cost = 5.0
        self.moves(0, 1)
        self.at(0.001)
        self.moves(5.1, 2)
        self.at(7)
        assert 5 + LONGEST_REST <= self.times(2)[0] <= 5 + LONGEST_REST + 0.01

    def test_states(self) -> None:
        """A change of state waits for no interval; of several at one time the last is told."""
        self.moves(0, 1)
        self.at(0.01)
        for state in (b"desconectado", b"error"):
            self.pace.say(Said(1, state))
        self.at(0.02)
        assert self.told[-1] == (0.01, [Said(1, b"error")])

    def test_nothing_left(self) -> None:
        """When nothing moves the clock is left alone."""
        self.moves(0, 1)
        self.moves(0.1, 1)
        self.at(5)
        assert self.clock.getDelayedCalls() == []

    def test_no_interval(self) -> None:
        """With an interval of 0 every update goes out."""
        self.pace = Pace(self.clock, 0.0, self.flush)
        for tick in range(10):
            self.moves(tick / 100, 1, float(tick))
        self.at(1)
        assert len(self.times(1)) == 10

    @given(st.lists(st.tuples(st.floats(0, 0.7), st.integers(1, 3)), min_size=1, max_size=60))
    def test_any_reports(self, reports: list[tuple[float, int]]) -> None:
        """Whenever vehicles report: the newest of each is told within an interval, and never two within nine tenths of one."""
        self.setUp()
        time, newest = 0.0, dict[int, tuple[float, float]]()
        for number, (pause, vehicle) in enumerate(reports):
            time += pause
            self.moves(time, vehicle, float(number))
            newest[vehicle] = time, float(number)
        self.at(time + 5)
        for vehicle, (reported, lat) in newest.items():
            times = self.times(vehicle)
            assert all(later - earlier > 0.898 for earlier, later in pairwise(times)), times
            last = [item for _, items in self.told for item in items if item.vehicle == vehicle][-1]
            assert isinstance(last, Update)
            assert last.place[0] == lat
            assert times[-1] - reported <= 1 + 2 * GRAIN
