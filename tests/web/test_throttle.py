"""Whoever guesses passwords has to wait."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from waygps.web.throttle import Throttle


class ThrottleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.throttle = Throttle(self.clock.seconds, free=3, longest=60, most=3)

    def guess(self, times: int, key: str = "ana") -> None:
        for _ in range(times):
            self.throttle.failed(key)

    def test_free_tries(self) -> None:
        """Who mistypes twice may try again at once."""
        self.guess(2)
        assert self.throttle.wait("ana") == 0
        assert self.throttle.wait("unheard of") == 0

    def test_growing_pauses(self) -> None:
        """Each further failure doubles the pause, up to the longest."""
        self.guess(3)
        pauses = []
        for _ in range(8):
            pauses.append(self.throttle.wait("ana"))
            self.guess(1)
        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]

    def test_pause_passes(self) -> None:
        """The pause runs from the last failure and ends."""
        self.guess(5)
        self.clock.advance(1.5)
        assert self.throttle.wait("ana") == 2.5
        self.clock.advance(2.5)
        assert self.throttle.wait("ana") == 0
        self.clock.advance(1000)
        assert self.throttle.wait("ana") == 0

    def test_success_forgets(self) -> None:
        """Who gets in begins anew."""
        self.guess(9)
        self.throttle.succeeded("ana")
        assert self.throttle.wait("ana") == 0
        self.guess(2)
        assert self.throttle.wait("ana") == 0

    def test_each_for_itself(self) -> None:
        """One user's guesser does not keep another user out."""
        self.guess(9)
        assert self.throttle.wait("eva") == 0

    def test_no_end(self) -> None:
        """A guesser who goes on for ever still waits the longest pause and breaks nothing."""
        self.guess(5000)
        assert self.throttle.wait("ana") == 60

    def test_bound(self) -> None:
        """So many keys are remembered; the one that failed longest ago is forgotten first."""
        for key in ("ana", "eva", "leo"):
            self.guess(4, key)
        self.guess(1)
        self.guess(4, "new")
        assert self.throttle.wait("eva") == 0
        assert all(self.throttle.wait(key) > 0 for key in ("ana", "leo", "new"))
