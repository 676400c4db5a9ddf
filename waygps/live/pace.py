"""How often clients are told: a vehicle once an interval, and all together no more often than the server can afford."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from waygps.live.slots import Slots, status_key
from waygps.live.update import Item, Said, Update

EARLY = 0.9
"""The share of the interval after which an update goes out if it is the only one of its vehicle. A device that reports once an
interval is not exactly on time: without this, one late report would delay all of its later ones by as much."""
REST = 9
"""A flush that took a time is followed by a pause of so many times that: most of the time is left to the devices."""
LONGEST_REST = 0.25
"""Of the interval: how long that pause may be."""
GRAIN = 0.005
"""Seconds: updates that become due within so short a time go together."""

Flush = Callable[[Sequence[Item], Callable[[], None]], None]


class Pace:
    """Collects items and flushes them: ``flush(items, done)`` calls ``done`` when all clients are told.

    A vehicle's first update goes out at once. One that follows within the interval waits for its end, and the newest wins.
    """

    def __init__(self, clock: Any, interval: float, flush: Flush) -> None:
        self._clock = clock
        self._interval = interval
        self._flush = flush
        self._ready = Slots()
        self._waiting: dict[int, Update] = {}
        self._overtaken: set[int] = set()
        # Both in the order in which they end, as every interval is as long.
        self._early: dict[int, float] = {}
        self._late: dict[int, float] = {}
        self._not_before = 0.0
        self._call: Any = None
        self._began: float | None = None
        """When the flush that is under way began."""

    def offer(self, update: Update) -> None:
        """A vehicle moved."""
        vehicle = update.vehicle
        if self._is_free(vehicle):
            self._late.pop(vehicle, None)
            self._release(update, self._clock.seconds())
        elif vehicle in self._waiting:
            self._waiting[vehicle] = update.after(self._waiting[vehicle])
            self._overtaken.add(vehicle)
        else:
            self._waiting[vehicle] = update
        self._plan()

    def say(self, said: Said) -> None:
        """A vehicle's state changed; of several that wait, the newest."""
        self._ready.put(status_key(said.vehicle), said)
        self._plan()

    def _is_free(self, vehicle: int) -> bool:
        """Whether its interval is over, or nearly so."""
        return vehicle not in self._early and vehicle not in self._waiting

    def _release(self, update: Update, now: float) -> None:
        if self._interval:
            self._early[update.vehicle] = now
        self._ready.put(update.vehicle, update)

    def _plan(self) -> None:
        if self._began is not None or not (self._ready or self._waiting):
            return
        now = self._clock.seconds()
        due = max(now, self._next())
        if self._call is not None:
            if self._call.getTime() <= due:
                return
            self._call.cancel()
        self._call = self._clock.callLater(due - now, self._turn)

    def _next(self) -> float:
        """When there is something to do."""
        if self._ready:
            return self._not_before
        ends = [since + share * self._interval for since, share in self._ends()]
        return max(self._not_before, min(ends) + GRAIN)

    def _ends(self) -> list[tuple[float, float]]:
        early, late = next(iter(self._early.values()), None), next(iter(self._late.values()), None)
        return [(since, share) for since, share in ((early, EARLY), (late, 1.0)) if since is not None]

    def _turn(self) -> None:
        self._call = None
        now = self._clock.seconds()
        self._end_early(now)
        self._end_late(now)
        if self._ready:
            self._began = now
            self._flush(self._ready.take(), self._done)
        else:
            self._plan()

    def _done(self) -> None:
        now, began = self._clock.seconds(), self._began
        assert began is not None
        self._not_before = now + min(REST * (now - began), LONGEST_REST * self._interval)
        self._began = None
        self._plan()

    def _end_early(self, now: float) -> None:
        """Those whose interval is nearly over: a lone update goes out, one that was overtaken waits for the whole interval."""
        for vehicle, since in _until(self._early, now - EARLY * self._interval):
            waiting = None if vehicle in self._overtaken else self._waiting.pop(vehicle, None)
            if waiting is None:
                self._late[vehicle] = since
            else:
                self._release(waiting, now)

    def _end_late(self, now: float) -> None:
        for vehicle, _ in _until(self._late, now - self._interval):
            self._overtaken.discard(vehicle)
            waiting = self._waiting.pop(vehicle, None)
            if waiting is not None:
                self._release(waiting, now)


def _until(since: dict[int, float], moment: float) -> list[tuple[int, float]]:
    """Take those that began before this moment."""
    taken = []
    for vehicle, began in since.items():
        if began > moment:
            break
        taken.append((vehicle, began))
    for vehicle, _ in taken:
        del since[vehicle]
    return taken
