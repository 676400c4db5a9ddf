"""The one bound on what the server holds for devices: at the mark every connection stops being read."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger


class Valve:
    """Counts the fixes taken and not yet durable. At ``high`` all producers pause; at half of it they go on."""

    _log = Logger()

    def __init__(self, high: int) -> None:
        self._high = high
        self._producers: set[IPushProducer] = set()
        self._emptied: list[Deferred[None]] = []
        self._stopping = False
        self.held = 0
        self.is_shut = False

    def add(self, producer: IPushProducer) -> None:
        """A connection more; it pauses at once while the valve is shut."""
        self._producers.add(producer)
        if self.is_shut:
            producer.pauseProducing()

    def remove(self, producer: IPushProducer) -> None:
        """The connection is gone."""
        self._producers.discard(producer)

    def take(self, fixes: int) -> None:
        """So many fixes more are held."""
        self.held += fixes
        if self.held >= self._high and not self.is_shut:
            self._log.warn("{held} fixes wait to be stored: reading pauses on every connection", held=self.held)
            self._pause()

    def give_back(self, fixes: int) -> None:
        """So many fixes are durable, or refused."""
        self.held -= fixes
        if self.is_shut and not self._stopping and self.held <= self._high // 2:
            self._log.info("{held} fixes wait to be stored: reading goes on", held=self.held)
            self.is_shut = False
            for producer in list(self._producers):
                producer.resumeProducing()
        if not self.held:
            self._fire()

    def shut(self) -> None:
        """Pause everybody for good: the server stops."""
        self._stopping = True
        if not self.is_shut:
            self._pause()

    def when_empty(self) -> Deferred[None]:
        """Fires when nothing is held any more."""
        empty: Deferred[None] = Deferred()
        self._emptied.append(empty)
        if not self.held:
            self._fire()
        return empty

    def _pause(self) -> None:
        self.is_shut = True
        for producer in list(self._producers):
            producer.pauseProducing()

    def _fire(self) -> None:
        emptied, self._emptied = self._emptied, []
        for empty in emptied:
            empty.callback(None)
