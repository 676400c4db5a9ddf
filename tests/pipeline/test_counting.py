"""The counts of each vehicle, between the fixes that are counted and the table that they are written to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from waygps.pipeline.counting import Counters, Counts

NUMBERS = st.integers(0, 1000)
COUNTS = st.builds(Counts, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)


def figures(counts: Counts) -> tuple[int, ...]:
    """All five, in their order."""
    return counts.received, counts.repeated, counts.late, counts.future, counts.refused


class CountersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.counters = Counters()

    def test_counted(self) -> None:
        """What is counted of a vehicle is added up, and is not another vehicle's."""
        for _ in range(3):
            self.counters.of(7).received += 10
            self.counters.of(7).late += 1
        self.counters.of(8).future += 2
        self.counters.repeat(7, 4)
        self.counters.repeat(9, 1)
        taken = self.counters.take()
        assert {vehicle: figures(counts) for vehicle, counts in taken.items()} == {
            7: (30, 4, 3, 0, 0),
            8: (0, 0, 0, 2, 0),
            9: (0, 1, 0, 0, 0),
        }

    def test_taken_once(self) -> None:
        """What was written down is not written again: it is counted from nothing."""
        self.counters.of(7).received += 10
        taken = self.counters.take()
        self.counters.of(7).received += 1
        assert (taken[7].received, self.counters.take()[7].received, self.counters.take()) == (10, 1, {})

    def test_given_back(self) -> None:
        """What could not be written down is not lost, nor what came meanwhile."""
        self.counters.of(7).received += 10
        self.counters.of(8).refused += 1
        taken = self.counters.take()
        self.counters.of(7).received += 5
        self.counters.give_back(taken)
        again = self.counters.take()
        assert (again[7].received, again[8].refused) == (15, 1)

    @given(st.lists(st.tuples(st.integers(1, 3), COUNTS)))
    def test_nothing_is_lost(self, added: list[tuple[int, Counts]]) -> None:
        """However often taking fails and counts come back, the sums are the sums."""
        counters = Counters()
        for vehicle, counts in added:
            counters.of(vehicle).add(counts)
            counters.give_back(counters.take())
        taken = counters.take()
        for vehicle in (1, 2, 3):
            columns = zip(*(figures(counts) for each, counts in added if each == vehicle), strict=True)
            assert figures(taken.get(vehicle, Counts())) == (tuple(map(sum, columns)) or (0, 0, 0, 0, 0))
