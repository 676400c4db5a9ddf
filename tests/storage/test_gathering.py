"""How parcels gather into batches while an earlier batch is being done."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.storage import at, outcome_of, parcel
from waygps.errors import SpoolFull, StoreUnavailable
from waygps.position import Parcel, Vehicle
from waygps.storage.gathering import Gathering

BUS = Vehicle(1, "356307042441013", None)


class GatheringTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.batches: list[list[Parcel]] = []
        self.working: list[Deferred[str]] = []
        self.gathering: Gathering[str] = Gathering(self.work, 10)

    def work(self, parcels: Sequence[Parcel]) -> Deferred[str]:
        """Goes on until the test ends it."""
        self.batches.append(list(parcels))
        self.working.append(Deferred())
        return self.working[-1]

    def put(self, fixes: int = 1) -> list[object]:
        """What became of a parcel with so many fixes."""
        return outcome_of(self.gathering.put(parcel(BUS, *[at(BUS, second) for second in range(fixes)])))

    def sizes(self) -> list[list[int]]:
        """The fixes of the parcels of each batch."""
        return [[len(each.positions) for each in batch] for batch in self.batches]

    def test_alone(self) -> None:
        """A report that finds nothing under way waits for nobody, and neither does the one after its answer."""
        for number in range(3):
            outcome = self.put()
            assert len(self.batches) == number + 1
            self.working[number].callback("stored")
            assert outcome == ["stored"]

    def test_together(self) -> None:
        """What comes while a batch is being done goes together, in its order, as far as a batch may be long."""
        outcomes = [self.put(fixes) for fixes in (1, 4, 5, 2, 9, 1)]
        for number in range(4):
            assert len(self.batches) == number + 1, "one batch at a time"
            self.working[number].callback(f"batch {number}")
        assert self.sizes() == [[1], [4, 5], [2], [9, 1]]
        assert outcomes == [["batch 0"], ["batch 1"], ["batch 1"], ["batch 2"], ["batch 3"], ["batch 3"]]

    def test_parcel_above_the_bound(self) -> None:
        """A message with more fixes than a batch may have goes alone and whole, and the next one follows."""
        outcomes = [self.put(fixes) for fixes in (1, 25, 1)]
        for working in (0, 1, 2):
            self.working[working].callback("stored")
        assert self.sizes() == [[1], [25], [1]]
        assert outcomes == [["stored"]] * 3

    def test_failed_batch(self) -> None:
        """A batch that cannot be done is told so, and is no reason to give up the next one."""
        outcomes = [self.put(6) for _ in range(3)]
        self.working[0].errback(ValueError("no"))
        self.working[1].callback("stored")
        self.working[2].callback("stored")
        assert [type(outcome) for (outcome,) in outcomes] == [ValueError, str, str]

    def test_away(self) -> None:
        """When the store is away, who waits behind the batch under way is told at once, and a later report tries anew."""
        for error in (StoreUnavailable("away"), SpoolFull("full")):
            outcomes = [self.put(6) for _ in range(4)]
            self.working[-1].errback(error)
            assert outcomes == [[error]] * 4
            later = self.put()
            self.working[-1].callback("stored")
            assert later == ["stored"]
        assert self.sizes() == [[6], [1], [6], [1]]

    def test_work_that_fails_before_it_begins(self) -> None:
        """A batch that cannot even be begun is told so, and does not stop those after it."""
        gathering: Gathering[str] = Gathering(self.refuse, 10)
        outcomes = [outcome_of(gathering.put(parcel(BUS))) for _ in range(2)]
        assert [type(outcome) for (outcome,) in outcomes] == [TypeError, TypeError]

    @staticmethod
    def refuse(parcels: Sequence[Parcel]) -> Deferred[str]:
        raise TypeError("cannot be written")

    def test_report_that_an_answer_brings(self) -> None:
        """A device that sends its next report as soon as it has its answer is served, and in its turn."""
        later: list[list[object]] = []
        first = self.gathering.put(parcel(BUS, at(BUS)))
        first.addCallback(lambda _: later.append(self.put(3)))
        self.put(2)
        for number in range(2):
            self.working[number].callback("stored")
        assert self.sizes() == [[1], [2, 3]]
        assert later == [["stored"]]

    def test_device_that_no_longer_waits(self) -> None:
        """A report whose device is gone is stored all the same, and the others of its batch are answered."""
        self.put()
        gone = self.gathering.put(parcel(BUS, at(BUS)))
        outcome, other = outcome_of(gone), self.put()
        gone.cancel()
        for number in range(2):
            self.working[number].callback("stored")
        assert len(self.batches[1]) == 2
        assert other == ["stored"]
        assert len(outcome) == 1
