"""One connection to PostgreSQL that comes back by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from txpostgres.reconnection import ConnectionDead
from txpostgres.txpostgres import RollbackFailed

from waygps.errors import StoreUnavailable
from waygps.storage.connection import Detector, WatchfulConnection, is_lost

Row = tuple[Any, ...]

GRACE = 1.0
"""Seconds that PostgreSQL has to say that it gave up a statement."""

SETTINGS = {
    "application_name": "waygps",
    # A server that vanished without a word is noticed in seconds, not in the quarter of an hour of TCP's own patience.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "connect_timeout": "5",
    # An acknowledgement means durable, whatever the server's own default says. Compiling a query costs more than WayGPS' take.
    "options": "-c synchronous_commit=on -c timezone=UTC -c jit=off",
}


def connection_string(url: str, patience: float = 0) -> str:
    """The libpq connection string for this URL or DSN, with WayGPS' settings where it has none of its own.

    WayGPS' options come last, and so hold whatever the URL's say: no URL turns an acknowledgement into a promise.
    ``patience``: seconds after which PostgreSQL is to give up a statement; 0: never.
    """
    given = parse_dsn(url)
    limit = f"-c statement_timeout={int(patience * 1000)}" if patience else ""
    options = f"{given.get('options', '')} {SETTINGS['options']} {limit}".strip()
    return str(make_dsn(**{**SETTINGS, **given, "options": options}))


def is_refusal(error: BaseException | None) -> bool:
    """Whether PostgreSQL refused the data (SQLSTATE classes 22 and 23), so that trying again cannot help."""
    return isinstance(error, psycopg2.Error) and (error.pgcode or "")[:2] in ("22", "23")


class Session:
    """A connection of its own, one statement at a time. While it is away every statement fails with StoreUnavailable.

    With ``patience`` (seconds) a statement that takes longer fails so too: PostgreSQL gives it up, and where not even that is
    heard, GRACE seconds later, the connection is dropped. What a statement that failed did to the database is not known.
    """

    _log = Logger()

    def __init__(self, reactor: Any, url: str, name: str, patience: float = 0) -> None:
        self._reactor = reactor
        self._dsn = connection_string(url, patience)
        self._name = name
        self._stopped = False
        self._detector = Detector(deathChecker=is_lost, reconnectionIterator=self._pauses, reactor=reactor)
        self._connection = WatchfulConnection(reactor=reactor, detector=self._detector)
        self._connection.limit = patience + GRACE if patience else 0
        self.on_recovery(self._say_back)

    def start(self) -> Deferred[None]:
        """Connect; fires when connected, or when the first try failed (more follow by themselves)."""
        connecting: Deferred[Any] = self._connection.connect(self._dsn)
        return connecting.addErrback(self._eb_lost).addBoth(lambda _: None)

    def stop(self) -> None:
        """Close for good; statements under way fail."""
        self._stopped = True
        try:
            self._connection.close()
        except (psycopg2.Error, AttributeError):
            self._log.debug("{name}: nothing to close, the connection was away", name=self._name)
        self._detector.stop()

    @property
    def is_up(self) -> bool:
        """Whether the connection is believed to be alive."""
        return not (self._stopped or self._detector.connectionIsDead)

    def on_recovery(self, call: Callable[[], object]) -> None:
        """Call this whenever the connection has come back."""
        self._detector.addRecoveryHandler(call)

    def listen(self, channel: str, heard: Callable[[str], None]) -> Deferred[None]:
        """LISTEN on the channel, now and after every recovery; ``heard(payload)`` gets the notifications of all others."""

        def observe(notification: Any) -> None:
            # What a connection that has died meanwhile had still to say is read again by who listens.
            if notification.channel != channel or self._connection.closed:
                return
            if notification.pid != self._connection.get_backend_pid():
                heard(notification.payload)

        self._connection.addNotifyObserver(observe)

        def listen() -> Deferred[None]:
            # A connection that is gone again listens when it is back.
            return self.execute(f"LISTEN {channel}").addErrback(lambda failure: failure.trap(StoreUnavailable) and None)

        self.on_recovery(listen)
        return listen()

    def query(self, sql: str, arguments: Sequence[Any] = ()) -> Deferred[list[Row]]:
        """Run one statement and give its rows. StoreUnavailable where the connection is away or breaks."""
        return self._guarded(self._connection.runQuery, sql, arguments)

    def execute(self, sql: str, arguments: Sequence[Any] = ()) -> Deferred[None]:
        """Run one statement that gives no rows."""
        return self._guarded(self._connection.runOperation, sql, arguments)

    async def query_patiently(self, sql: str, arguments: Sequence[Any] = ()) -> list[Row]:
        """As query, tried again with growing pauses while PostgreSQL is out of reach; the statement must bear repetition."""
        for pause in self._pauses():
            try:
                return await self.query(sql, arguments)
            except StoreUnavailable:
                await deferLater(self._reactor, pause)
        raise StoreUnavailable("the server is stopping")

    def _guarded(self, run: Callable[..., Deferred[Any]], sql: str, arguments: Sequence[Any]) -> Deferred[Any]:
        if self._stopped:
            return fail(StoreUnavailable("the server is stopping"))
        return run(sql, arguments).addErrback(self._eb_statement)

    def _eb_statement(self, failure: Failure) -> Failure:
        if is_refusal(failure.value):
            return failure
        # CancelledError is what txpostgres makes of a statement that PostgreSQL gave up, which statement_timeout brings about.
        failure.trap(psycopg2.Error, ConnectionDead, RollbackFailed, ConnectionClosed, CancelledError)
        self._eb_lost(failure)
        return Failure(StoreUnavailable(str(failure.value).strip() or "PostgreSQL gave up, or the connection is away"))

    def _eb_lost(self, failure: Failure) -> None:
        if not (self._stopped or failure.check(ConnectionDead)):
            reason = str(failure.value).strip().replace("\n", " ")
            self._log.warn("{name}: PostgreSQL is out of reach: {reason}", name=self._name, reason=reason)
            self._detector.checkForDeadConnection(failure)

    def _say_back(self) -> None:
        self._log.info("{name}: PostgreSQL is back", name=self._name)

    def _pauses(self) -> Iterator[float]:
        pause = 0.05
        while not self._stopped:
            yield pause
            pause = min(pause * 1.7, 2.0)
