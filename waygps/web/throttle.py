"""Slows down whoever guesses passwords."""

from __future__ import annotations

from collections.abc import Callable


class Throttle:
    """After ``free`` failures of one key in a row, each further try has to wait twice as long, up to ``longest`` seconds.

    At most ``most`` keys are remembered; the oldest is forgotten first.
    """

    def __init__(self, now: Callable[[], float], free: int = 5, longest: float = 300, most: int = 10_000) -> None:
        self._now = now
        self._free = free
        self._longest = longest
        self._most = most
        self._failures: dict[str, tuple[int, float]] = {}

    def wait(self, key: str) -> float:
        """Seconds until this key may try again; 0: now."""
        count, last = self._failures.get(key, (0, 0.0))
        if count < self._free:
            return 0.0
        pause = min(2.0 ** min(count - self._free, 30), self._longest)
        return max(0.0, last + pause - self._now())

    def failed(self, key: str) -> None:
        """The key failed once more."""
        count, _ = self._failures.pop(key, (0, 0.0))
        if len(self._failures) >= self._most:
            del self._failures[next(iter(self._failures))]
        self._failures[key] = (count + 1, self._now())

    def succeeded(self, key: str) -> None:
        """The key got in."""
        self._failures.pop(key, None)
