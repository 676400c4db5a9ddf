"""A simulated device as a state: what it has to send, and what it still waits to hear. Pure."""

from __future__ import annotations

from collections import deque

from waygps.fix import Fix
from waygps.interfaces import IEncoder
from waygps.simulation.route import Route

MEMORY = 500
PATIENCE = 30.0
"""Seconds after which an unanswered report is sent again."""


class SimulatedDevice:
    """Takes a fix at every tick and keeps it until the server has answered for it, as a tracker keeps its records in flash."""

    def __init__(self, encoder: IEncoder, route: Route) -> None:
        self._encoder = encoder
        self._is_answered = getattr(encoder, "is_answered", True)
        self._route = route
        self._records: deque[Fix] = deque(maxlen=MEMORY)
        self._sent = 0
        self._sent_at = 0.0
        self.acknowledged = 0
        """Fixes that the server answered for."""

    def connected(self) -> bytes:
        """What to send on a new connection; b"" where the protocol has no greeting. What was not answered is sent again."""
        self._sent = 0
        return self._encoder.hello()

    def tick(self, seconds: float, now: float) -> bytes:
        """So many seconds passed, it is ``now`` (seconds since 1970); what is to be sent, if anything."""
        if len(self._records) < MEMORY:
            self._records.append(self._route.advance(seconds, int(now * 1000)))
        if not self._is_answered:
            self.answered()
        if self._sent and now - self._sent_at < PATIENCE:
            return b""
        return self._report(now)

    def answered(self) -> None:
        """The server answered the last report."""
        for _ in range(self._sent):
            self._records.popleft()
        self.acknowledged += self._sent
        self._sent = 0

    def _report(self, now: float) -> bytes:
        self._sent = min(len(self._records), self._encoder.most_fixes)
        self._sent_at = now
        return self._encoder.report(tuple(self._records)[: self._sent])
