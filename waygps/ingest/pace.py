"""How fast one connection may send. Over its limit it is slowed: not read until it may go on, so that nothing is lost."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer

from waygps.config import Limits
from waygps.ingest.answers import Brake

ENDLESS = sys.maxsize
SHORTEST = 0.25
"""Seconds of a pause, at least: a device at its limit is not to cost a timer for every few bytes."""


class Pace:
    """``burst`` bytes at once, then ``rate`` a second; ``begin`` is how many a new connection may send before it is looked at."""

    def __init__(self, limits: Limits, clock: Any) -> None:
        self.rate, self.burst = limits.bytes_per_second, limits.bytes_burst
        self.begin = self.burst if self.rate else ENDLESS
        self._clock = clock

    def now(self) -> float:
        """Seconds of the server's clock."""
        return float(self._clock.seconds())

    def later(self, seconds: float, call: Callable[[], None]) -> IDelayedCall:
        """Have this called then."""
        called: IDelayedCall = self._clock.callLater(seconds, call)
        return called


class Slowed:
    """A connection that has used up its burst: it has one of these from then on, and nobody else has."""

    __slots__ = ("_held", "_pace", "_since", "_waiting", "is_counted")

    def __init__(self, pace: Pace, began: float) -> None:
        self._pace = pace
        self._since = began
        self.is_counted = False
        self._held: IPushProducer | None = None
        self._waiting: IDelayedCall | None = None

    def grant(self, received: int, allowed: int) -> int:
        """Up to how many bytes in all the connection may go, that has ``received`` so many and was ``allowed`` so many."""
        now, pace = self._pace.now(), self._pace
        earned = int((now - self._since) * pace.rate)
        self._since = now
        return min(allowed + earned, received + pace.burst)

    def hold(self, producer: IPushProducer, over: int, resume: Callable[[], None]) -> None:
        """Stop reading it until it has earned the bytes that it is over its limit; then ``resume`` is called."""
        if self._held is None:
            self._held = producer
            if isinstance(producer, Brake):
                producer.hold("bytes")
            else:
                producer.pauseProducing()
        self.stop()
        self._waiting = self._pace.later(max(SHORTEST, (over + 1) / self._pace.rate), resume)

    def release(self) -> None:
        """Read it again."""
        held, self._held = self._held, None
        if isinstance(held, Brake):
            held.release("bytes")
        elif held is not None:
            held.resumeProducing()

    def stop(self) -> None:
        """Wait no more: the connection is gone."""
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
