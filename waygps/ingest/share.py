"""One receiver's share of what the server holds: it can be ended alone, when what was read is answered."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer

from waygps.ingest.valve import Valve


class Share(Valve):
    """Counts for one receiver, and for the valve of all, whose bound is the only one. ``is_shut``: the receiver is closed."""

    def __init__(self, whole: Valve) -> None:
        super().__init__(0)
        self._whole = whole

    def add(self, producer: IPushProducer) -> None:
        """A connection more; one whose vendor is known only after the receiver was closed ends at once."""
        if self.is_shut:
            producer.stopProducing()
            return
        self._producers.add(producer)
        self._whole.add(producer)

    def remove(self, producer: IPushProducer) -> None:
        self._producers.discard(producer)
        self._whole.remove(producer)

    def take(self, fixes: int) -> None:
        self.held += fixes
        self._whole.take(fixes)

    def give_back(self, fixes: int) -> None:
        self.held -= fixes
        self._whole.give_back(fixes)
        if self._emptied and not self.held:
            self._fire()

    def shut(self) -> None:
        """Read no more from these connections, for good: the valve of all lets them go, so that it cannot open them again."""
        self.is_shut = True
        for producer in list(self._producers):
            self._whole.remove(producer)
            producer.pauseProducing()

    def end(self) -> None:
        """Close the connections, after the answers that are written already."""
        for producer in list(self._producers):
            producer.stopProducing()
