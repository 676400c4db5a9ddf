"""What waits for one client that does not read, or wants to be told less often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from waygps.live.slots import Key, Slots, status_key
from waygps.live.update import Item, Update

AT_ONCE = 100
"""Items that are sent before the connection is asked whether it has room for more."""
MOST_POINTS = 2000
"""Points of trails that wait for one client; beyond them only where each vehicle is now."""


@implementer(IPushProducer)
class Outbox:
    """Sends at once while the client reads, and keeps one slot a vehicle while it does not. Nothing is sent before ``begin``."""

    def __init__(self, send: Callable[[list[Item]], None], clock: Any) -> None:
        self._send = send
        self._clock = clock
        self._slots = Slots(points=0)
        self._is_begun = self.is_paused = False
        """Whether the connection has no room."""
        self._rest: Any = None
        self._interval = 0.0
        self.since = 0.0
        """When the connection had no room any more."""

    @property
    def is_held(self) -> bool:
        """Whether updates wait."""
        return self._rest is not None or not self._may_send

    @property
    def replaced(self) -> int:
        """Updates that a newer one overtook before they were sent."""
        return self._slots.replaced

    def begin(self) -> None:
        """The client has its initial state: from now on it is told, as soon as it reads."""
        self._is_begun = True
        self._empty()

    def offer(self, key: Key, item: Item) -> None:
        """Send this, which no interval holds up, now or when the client reads again; of several of this key, the newest."""
        if self._may_send:
            self._send([item])
        else:
            self._slots.put(key, item)

    def keep(self, items: Iterable[Item]) -> None:
        """Hold these back until the client reads, or its interval is over."""
        for item in items:
            self._slots.put(item.vehicle if isinstance(item, Update) else status_key(item.vehicle), item)

    def sent(self) -> None:
        """The client was told: its interval begins."""
        if self._interval:
            self._rest = self._clock.callLater(self._interval, self._rested)

    def configure(self, interval: float, trail: bool) -> None:
        """Tell the client every so many seconds (0: at once), with or without the points between."""
        self._slots.points = MOST_POINTS if trail else 0
        self._interval = interval
        self._end_rest()
        self._empty()

    def pauseProducing(self) -> None:
        if not self.is_paused:
            self.since = self._clock.seconds()
        self.is_paused = True

    def resumeProducing(self) -> None:
        self.is_paused = False
        self._empty()

    def stopProducing(self) -> None:
        self.is_paused = True
        self._end_rest()
        self._slots.clear()

    @property
    def _may_send(self) -> bool:
        return self._is_begun and not self.is_paused

    def _empty(self) -> None:
        has_sent = False
        while self._slots and not self.is_held:
            # Sending may pause this very outbox.
            self._send(self._slots.take(AT_ONCE))
            has_sent = True
        if has_sent and not self.is_held:
            self.sent()

    def _rested(self) -> None:
        self._rest = None
        self._empty()

    def _end_rest(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
