"""What came to the wrong port, or from nobody known: the newest cases, for who shows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from waygps.interfaces import Transport

FOREIGN = "protocolo_ajeno"
"""Kind of the alert about a device at the port of another vendor."""
SAY_EVERY = 600.0
"""Seconds between two alerts about one receiver and vendor."""
FIRST = 64
"""Bytes that are kept of each case."""


class Finding(Struct, frozen=True):
    """Bytes that are not of the receiver's own vendor."""

    time: float
    """Seconds since 1970, UTC."""
    receiver: str
    transport: Transport
    peer: str
    """HOST:PORT."""
    vendor: str
    """Whose they are, or likeliest are; "" where they are like nobody's."""
    score: float
    """1: recognised; less: waygps.ingest.likeness says how likely; 0: nobody's."""
    served: bool
    """Whether the receiver serves that vendor's devices too."""
    data: bytes
    """The first bytes."""


class Findings:
    """The newest ``most``; iterating gives the newest first. ``alert(kind, text)`` tells who watches the server."""

    def __init__(self, alert: Callable[[str, str], None], now: Callable[[], float], most: int = 100) -> None:
        self._alert = alert
        self._now = now
        self._newest: deque[Finding] = deque(maxlen=most)
        self._said: dict[tuple[str, str], float] = {}

    def __iter__(self) -> Iterator[Finding]:
        return reversed(self._newest)

    def foreign(self, receiver: str, peer: str, transport: Transport, data: bytes, vendor: str, text: str, served: bool) -> None:
        """This vendor's device is at a port of another; ``text`` says so to people."""
        now = self._now()
        self._newest.append(Finding(now, receiver, transport, peer, vendor, 1.0, served, data[:FIRST]))
        place = receiver, vendor
        if now - self._said.get(place, -SAY_EVERY) >= SAY_EVERY:
            self._said = {each: said for each, said in self._said.items() if now - said < SAY_EVERY}
            self._said[place] = now
            self._alert(FOREIGN, text)

    def stranger(self, receiver: str, peer: str, transport: Transport, data: bytes, scores: Mapping[str, float]) -> None:
        """A listener of Strangers: nobody recognises this."""
        vendor, score = next(iter(scores.items()), ("", 0.0))
        self._newest.append(Finding(self._now(), receiver, transport, peer, vendor, score, False, data[:FIRST]))
