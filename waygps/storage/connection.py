"""A txpostgres connection as a server needs it: it blocks nothing, notices silence, and leaves nothing behind in the reactor."""

from __future__ import annotations

from socket import SOCK_STREAM, getaddrinfo
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from txpostgres.reconnection import DeadConnectionDetector
from txpostgres.txpostgres import Connection, Cursor, RollbackFailed

CONNECT_LIMIT = 10.0
"""Seconds that a server has to accept a connection."""


def _located(dsn: str) -> str:
    """The connection string with the addresses of its host beside the name. Blocks while it looks them up."""
    host = parse_dsn(dsn).get("host", "")
    if not host or host.startswith("/") or "," in host:
        return dsn
    try:
        found = getaddrinfo(host, None, type=SOCK_STREAM)
    except OSError as error:
        raise psycopg2.OperationalError(f'could not translate host name "{host}" to address: {error.strerror}') from None
    addresses = [str(address[0]) for *_, address in found]
    return str(make_dsn(dsn, host=",".join([host] * len(addresses)), hostaddr=",".join(addresses)))


def _called_off(result: Any, limit: IDelayedCall) -> Any:
    if limit.active():
        limit.cancel()
    return result


class _PromptCursor(Cursor):  # type: ignore[misc]  # txpostgres has no types
    """Takes its connection's socket out of the reactor before a statement is sent, since sending may find it dead.

    Then libpq closes it there and then, and a reactor that still has it takes the next socket of that number, a device's, for one
    that it watches already.
    """

    def _doit(self, *arguments: Any, **more: Any) -> Deferred[Any]:
        connection = self._connection
        connection.reactor.removeReader(connection)
        running: Deferred[Any] = super()._doit(*arguments, **more)
        if running.called and not connection.closed:
            # It was not even sent.
            connection.reactor.addReader(connection)
        return running


class WatchfulConnection(Connection):  # type: ignore[misc]
    """Looks up its host's name off the event loop, where libpq would block it; notices the death of an idle connection without a
    traceback in the log, and with a ``limit`` (seconds) also the silence of one that is asked something.
    """

    cursorFactory = _PromptCursor
    _is_wanted = False
    limit: float = 0

    def connect(self, dsn: str) -> Deferred[Any]:
        self._is_wanted = True
        self.detector.setReconnectable(self, dsn)
        return deferToThread(_located, dsn).addCallback(self._cb_located, dsn)

    def close(self) -> None:
        self._is_wanted = False
        super().close()

    def _runQuery(self, *arguments: Any) -> Deferred[Any]:
        return self._limited(super()._runQuery(*arguments))

    def _runOperation(self, *arguments: Any) -> Deferred[Any]:
        return self._limited(super()._runOperation(*arguments))

    def _limited(self, running: Deferred[Any]) -> Deferred[Any]:
        """Begins when the statement does, not when it queues. Closing the connection is what ends the wait for its answer."""
        if self.limit:
            running.addBoth(_called_off, self.reactor.callLater(self.limit, self.close))
        return running

    def _cb_located(self, located: str, dsn: str) -> Deferred[Any]:
        if not self._is_wanted:
            raise ConnectionDone("closed before it was open")
        connecting: Deferred[Any] = super().connect(located)
        connecting.addBoth(_called_off, self.reactor.callLater(CONNECT_LIMIT, self.close))
        # Not the addresses: the next time the name is looked up again, and after a failover it is another machine's.
        self.detector.setReconnectable(self, dsn)
        return connecting

    def doRead(self) -> None:
        try:
            super().doRead()
        except psycopg2.Error:
            self.detector.checkForDeadConnection(Failure())
        except ValueError:
            # libpq closed the socket of a connection that was being made; who waits for it is told by the poll that noticed.
            return


def is_lost(failure: Failure) -> bool:
    """Whether to connect anew: after what PostgreSQL calls an operational error, after a limit that closed the connection, and
    where the server takes no writing: after a failover another one does.
    """
    lost = (psycopg2.InterfaceError, psycopg2.OperationalError, RollbackFailed, ConnectionClosed)
    return bool(failure.check(*lost, psycopg2.errors.ReadOnlySqlTransaction))


class Detector(DeadConnectionDetector):  # type: ignore[misc]
    """Connects again with growing pauses, as txpostgres' own does, and can be told to stop."""

    _trying: Deferred[None] | None = None

    def startReconnecting(self, f: Failure) -> None:
        self._trying = ensureDeferred(self._try()).addErrback(lambda failure: failure.trap(CancelledError) and None)

    def stop(self) -> None:
        """Try no more."""
        if self._trying is not None:
            self._trying.cancel()

    async def _try(self) -> None:
        for pause in self.reconnectionIterator():
            await deferLater(self.reactor, pause)
            try:
                await self.reconnect()
            except (psycopg2.Error, ConnectionClosed):
                continue
            await self.connectionRecovered()
            return
