"""Notifications to PostgreSQL's listeners: few statements, a bound on what waits, and who missed something is told how much."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import StoreUnavailable
from waygps.ingest.telling import Event, encoded

MOST_WAITING = 500
MOST_AT_ONCE = 100
NOTIFY = (
    "SELECT pg_notify(canal, aviso) FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS n (canal, aviso, orden) ORDER BY orden"
)


class Executes(Protocol):
    """See waygps.storage.session.Session."""

    def execute(self, sql: str, arguments: Any) -> Deferred[None]: ...


class Notices:
    """What is to be notified, in order. The next statement starts when one returns, with all that came meanwhile."""

    _log = Logger()

    def __init__(self, session: Executes) -> None:
        self._session = session
        # The channel, the text, and how many that were lost it tells of.
        self._waiting: list[tuple[str, str, int]] = []
        self._sent: list[tuple[str, str, int]] = []
        self._number = 0
        self._lost: Counter[str] = Counter()

    def tell(self, channel: str, event: Event) -> None:
        """Notify the channel of this event. It gets a number: of two equal notifications PostgreSQL delivers one."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost[channel] += 1
            return
        lost = self._lost.pop(channel, 0)
        self._number += 1
        text = encoded({**event, "n": self._number, **({"perdidos": lost} if lost else {})})
        self._waiting.append((channel, text, lost))
        if not self._sent:
            self._send()

    def forget(self, channel: str) -> None:
        """Nobody listens there any more."""
        self._lost.pop(channel, None)
        self._waiting = [notice for notice in self._waiting if notice[0] != channel]

    def _send(self) -> None:
        self._sent, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        channels, texts = [notice[0] for notice in self._sent], [notice[1] for notice in self._sent]
        self._session.execute(NOTIFY, [channels, texts]).addCallbacks(self._cb_sent, self._eb_sent)

    def _cb_sent(self, _: None) -> None:
        self._next()
        if not self._sent:
            for channel in list(self._lost):
                self.tell(channel, {"tipo": "perdidos"})

    def _eb_sent(self, failure: Failure) -> None:
        for channel, _, lost in self._sent:
            self._lost[channel] += 1 + lost
        if not failure.check(StoreUnavailable):
            self._log.failure("a trace could not be told", failure)
        self._next()

    def _next(self) -> None:
        self._sent = []
        if self._waiting:
            self._send()
