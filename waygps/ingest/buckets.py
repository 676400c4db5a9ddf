"""Token buckets: how much may come at once, and how much a second after that."""

from __future__ import annotations

from collections.abc import Callable, Hashable


class Buckets:
    """A bucket of ``burst`` for each key, which fills by ``rate`` a second; a rate of 0: no limit.

    At most ``most`` are remembered; the one that was used least recently is forgotten first, which gives it its burst again.
    """

    def __init__(self, rate: float, burst: float, now: Callable[[], float], most: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._now = now
        self._most = most
        self._left: dict[Hashable, tuple[float, float]] = {}
        """What may still be taken, as of a moment of the clock."""

    def __len__(self) -> int:
        return len(self._left)

    def take(self, key: Hashable, amount: int = 1) -> bool:
        """Whether so much may be taken now; if so it is. More than the burst is the burst."""
        if not self._rate:
            return True
        now, cost = self._now(), min(amount, self._burst)
        left, since = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        may = left >= cost
        self._left[key] = (left - cost if may else left, now)
        if len(self._left) > self._most:
            del self._left[next(iter(self._left))]
        return may
