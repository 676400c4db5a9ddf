"""What waits for one client: the newest update of each vehicle and the newest alert of each kind, never a queue."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class Outbox:
    """Sends at once while the client reads, and keeps one slot a key while it does not: a vehicle's number, or the kind of an
    alert. It begins held.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._slots: dict[int | str, bytes] = {}
        self.is_held = True
        """Whether the client does not read."""
        self.replaced = 0
        """Updates that a newer one overtook before they were sent."""

    def offer(self, key: int | str, message: bytes) -> None:
        """Send the newest message of this key, now or when the client reads again."""
        if not self.is_held:
            self._send(message)
            return
        if key in self._slots:
            self.replaced += 1
        if isinstance(key, str):
            # The newest alert is the last one read, or "away" and "back" would tell their story backwards.
            self._slots.pop(key, None)
        self._slots[key] = message

    def pauseProducing(self) -> None:
        self.is_held = True

    def resumeProducing(self) -> None:
        self.is_held = False
        while self._slots and not self.is_held:
            # Sending may pause this very outbox.
            key = next(iter(self._slots))
            self._send(self._slots.pop(key))

    def stopProducing(self) -> None:
        self.is_held = True
        self._slots.clear()
