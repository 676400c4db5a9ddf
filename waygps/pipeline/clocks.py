"""How far each device's clock is off: the median of its time against the reception. Pure.

A device that sends what it kept is behind for another reason, and catches up as it sends; a clock that is off stays off by the
same. So a clock counts as wrong when over SAMPLES reports, at least a MINUTE apart, its offset stayed within SPREAD.
"""

from __future__ import annotations

from statistics import median_low

from msgspec import Struct

MINUTE = 60_000
SAMPLES = 10
SPREAD = 30_000
"""Milliseconds between the smallest and the largest offset: what networks and whole seconds do to a good clock."""
OFF = 60_000
"""Milliseconds from which a clock is wrong."""


class _Clock(Struct):
    offsets: tuple[int, ...] = ()
    last: int = 0
    skew: int = 0


class Clocks:
    """At most one entry a vehicle heard of. Times and offsets are milliseconds; a clock that is ahead has a positive offset."""

    def __init__(self) -> None:
        self._clocks: dict[int, _Clock] = {}

    def hear(self, vehicle: int, time: int, received: int) -> int:
        """A report's newest time was this. Gives the skew of the device's clock, 0 while it is not known to be wrong."""
        clock = self._clocks.get(vehicle)
        if clock is None:
            clock = self._clocks[vehicle] = _Clock()
        if not 0 <= received - clock.last < MINUTE:
            clock.last = received
            clock.offsets = (*clock.offsets, time - received)[-SAMPLES:]
            clock.skew = _skew(clock.offsets)
        return clock.skew

    def skew(self, vehicle: int) -> int:
        """What the last ``hear`` gave."""
        clock = self._clocks.get(vehicle)
        return clock.skew if clock is not None else 0

    def offset(self, vehicle: int) -> int | None:
        """The median offset of the last reports; None while there are less than three."""
        clock = self._clocks.get(vehicle)
        return median_low(clock.offsets) if clock is not None and len(clock.offsets) >= 3 else None


def _skew(offsets: tuple[int, ...]) -> int:
    if len(offsets) < SAMPLES or max(offsets) - min(offsets) > SPREAD:
        return 0
    middle = median_low(offsets)
    return middle if abs(middle) >= OFF else 0
