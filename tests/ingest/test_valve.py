"""The bound on what the server holds for all devices together."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import FakeProducer, logged
from waygps.ingest.valve import Valve


class ValveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.valve = Valve(high=10)
        self.producers = [FakeProducer(), FakeProducer()]
        for producer in self.producers:
            self.valve.add(producer)

    def paused(self) -> list[bool]:
        return [producer.paused for producer in self.producers]

    def test_pauses_everybody(self) -> None:
        """When ten fixes wait no device is read any more, and the operator is told once."""
        with logged() as lines:
            self.valve.take(9)
            assert self.paused() == [False, False]
            self.valve.take(1)
            self.valve.take(5)
        assert self.paused() == [True, True]
        assert self.valve.is_shut
        assert lines == ["10 fixes wait to be stored: reading pauses on every connection"]

    def test_resumes_at_half(self) -> None:
        """Devices are read again when half of the fixes are stored, not at every single one."""
        self.valve.take(12)
        self.valve.give_back(6)
        assert self.paused() == [True, True]
        with logged() as lines:
            self.valve.give_back(1)
        assert self.paused() == [False, False]
        assert not self.valve.is_shut
        assert lines == ["5 fixes wait to be stored: reading goes on"]

    def test_latecomer_pauses(self) -> None:
        """A device that connects meanwhile waits like the others, and goes on with them."""
        self.valve.take(10)
        late = FakeProducer()
        self.valve.add(late)
        assert late.paused
        self.valve.give_back(10)
        assert not late.paused

    def test_removed_is_left_alone(self) -> None:
        """A connection that is gone is neither paused nor kept."""
        self.valve.remove(self.producers[0])
        self.valve.remove(self.producers[0])
        self.valve.take(10)
        assert self.paused() == [False, True]

    def test_when_empty(self) -> None:
        """A stop waits for the last fix that is held."""
        self.valve.take(2)
        empty = self.valve.when_empty()
        self.valve.give_back(1)
        self.assertNoResult(empty)
        self.valve.give_back(1)
        assert self.successResultOf(empty) is None

    def test_when_empty_already(self) -> None:
        """A stop of an idle server waits for nothing."""
        assert self.successResultOf(self.valve.when_empty()) is None

    def test_shut_stays_shut(self) -> None:
        """While the server stops nobody is read again, however little is held."""
        self.valve.take(10)
        self.valve.shut()
        self.valve.give_back(10)
        assert self.paused() == [True, True]

    def test_shut_pauses(self) -> None:
        """A stop pauses connections that were being read."""
        self.valve.shut()
        assert self.paused() == [True, True]
