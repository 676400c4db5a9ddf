"""What a stop waits for, and what ends the wait."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import FakeProducer, logged
from waygps.ingest.drain import SIGNALS, Drain
from waygps.ingest.valve import Valve

WAITS = "2 fixes are still to be stored; another signal ends the wait"
LATE = "2 fixes were not stored before the stop: they are not acknowledged"


class ThreadedClock(Clock):
    """A clock that is a reactor as far as a signal needs one: calls from a signal are made at the next turn."""

    def callFromThread(  # noqa: N802
        self, call: Any, *arguments: Any
    ) -> None:
        self.callLater(0, call, *arguments)


class DrainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.valve = ThreadedClock(), Valve(10)
        self.drain = Drain(self.clock, self.valve, patience=10)
        self.drain.startService()
        self.before = [signal.getsignal(each) for each in SIGNALS]

    def stop(self) -> Deferred[None]:
        """Begin to stop; the signals are handed back when the test is over."""
        self.addCleanup(self.clock.pump, [100, 1])
        return ensureDeferred(self.drain.stopService())

    def test_nothing_to_wait_for(self) -> None:
        """A server with nothing under way stops in a moment."""
        with logged() as log:
            stopped = self.stop()
            self.clock.advance(0.1)
        self.successResultOf(stopped)
        assert log == []

    def test_waits_for_what_was_read(self) -> None:
        """A stop waits until every fix that was read is durable, and a moment more for the answers to leave."""
        self.valve.take(2)
        stopped = self.stop()
        assert self.valve.is_shut
        self.clock.advance(5)
        self.assertNoResult(stopped)
        self.valve.give_back(2)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.successResultOf(stopped)

    def test_reads_no_more(self) -> None:
        """While a stop waits no connection is read, nor after what it waited for is durable."""
        device = FakeProducer()
        self.valve.add(device)
        self.valve.take(2)
        self.stop()
        self.valve.give_back(2)
        assert device.paused

    def test_patience(self) -> None:
        """A stop ends when the database does not come back, and says how many fixes are not acknowledged."""
        self.valve.take(2)
        with logged() as log:
            stopped = self.stop()
            self.clock.pump([9.9, 0.2, 0.1])
        self.successResultOf(stopped)
        assert log == [WAITS, LATE]
        self.valve.give_back(2)

    def test_another_signal(self) -> None:
        """A second SIGTERM, or Ctrl-C, ends the wait at once, and what is not stored is said."""
        for each in SIGNALS:
            self.valve = Valve(10)
            self.drain = Drain(self.clock, self.valve, patience=10)
            self.valve.take(2)
            with logged() as log:
                stopped = self.stop()
                self.clock.advance(1)
                self.assertNoResult(stopped)
                signal.raise_signal(each)
                self.clock.pump([0, 0.1])
            self.successResultOf(stopped)
            assert log == [WAITS, LATE], each

    def test_impatient_operator(self) -> None:
        """Several signals are as good as one."""
        self.valve.take(2)
        with logged() as log:
            stopped = self.stop()
            for _ in range(3):
                signal.raise_signal(signal.SIGTERM)
            self.clock.pump([0, 0.1])
        self.successResultOf(stopped)
        assert log == [WAITS, LATE]

    def test_signals_are_handed_back(self) -> None:
        """After the wait, however it ended, signals mean what they meant before."""
        for give_back in (2, 0):
            self.valve = Valve(10)
            self.drain = Drain(self.clock, self.valve, patience=10)
            self.valve.take(2)
            stopped = self.stop()
            assert [signal.getsignal(each) for each in SIGNALS] != self.before
            self.valve.give_back(give_back)
            self.clock.pump([10, 0.1])
            self.successResultOf(stopped)
            assert [signal.getsignal(each) for each in SIGNALS] == self.before
