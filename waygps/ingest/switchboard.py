"""All receivers, as ``configuraciones_receptores`` has them now: a change takes effect at once, and on no other port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from twisted.application.service import Service
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import StoreUnavailable
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.share import Share
from waygps.ingest.valve import Valve
from waygps.storage.receivers import CHANNEL, LIST, RESTARTS, Receiver
from waygps.storage.session import Row


class Listens(Protocol):
    """See waygps.storage.session.Session."""

    def listen(self, channel: str, heard: Callable[[str], None]) -> Deferred[None]: ...

    def on_recovery(self, call: Callable[[], object]) -> None: ...

    def execute(self, sql: str) -> Deferred[None]: ...

    def query_patiently(self, sql: str) -> Awaitable[list[Row]]: ...


class Opened(NamedTuple):
    """A receiver that is open, or whose fault says why not, and what it holds."""

    service: ReceiverService
    share: Share

    def serves(self, receiver: Receiver | None) -> bool:
        """Whether this is what is wanted, by whatever name. What could not be opened is not: it is to be tried again."""
        mine = self.service.receiver
        return not self.service.fault and receiver is not None and _place(mine) == _place(receiver)


class Switchboard(Service):
    """Opens the receivers, and follows the table. Iterating gives the ReceiverServices of now.

    ``make(receiver, share)`` makes the service of a receiver, whose sessions count in its share of ``valve``;
    ``served`` leaves out of the table's receivers what cannot be served, and puts in the ports of the configuration.
    A receiver that is closed or moved has ``patience`` seconds to answer what was read; then its connections end.
    """

    _log = Logger()
    name = "receivers"

    def __init__(
        self,
        reactor: Any,
        session: Listens,
        valve: Valve,
        make: Callable[[Receiver, Share], ReceiverService],
        served: Callable[[Iterable[Receiver]], list[Receiver]],
        patience: float,
    ) -> None:
        self._reactor = reactor
        self._session = session
        self._valve = valve
        self._make = make
        self._served = served
        self._patience = patience
        self._open: dict[int, Opened] = {}
        self._restarts: set[int] = set()
        """Receivers that are to be closed and opened though nothing of them has changed."""
        self._is_stale = False
        self._following: Deferred[None] | None = None

    def __iter__(self) -> Iterator[ReceiverService]:
        return iter([opened.service for opened in self._open.values()])

    def put(self, receivers: Iterable[Receiver]) -> None:
        """Make these; they are opened now if the service runs, or when it starts."""
        for receiver in receivers:
            share = Share(self._valve)
            service = self._make(receiver, share)
            self._open[receiver.id] = Opened(service, share)
            if self.running:
                service.startService()

    def startService(self) -> None:
        super().startService()
        for service in self:
            service.startService()
        self._session.listen(CHANNEL, self._hear).addCallback(lambda _: self.follow())
        self._session.on_recovery(self._renew)

    async def stopService(self) -> None:
        super().stopService()
        await DeferredList([maybeDeferred(service.stopService) for service in self], consumeErrors=True)

    def follow(self) -> None:
        """Compare with the table, and once more if this comes while a comparison goes on."""
        self._is_stale = True
        if self.running and self._following is None:
            following = self._following = ensureDeferred(self._follow())
            following.addErrback(self._eb_follow).addBoth(self._cb_followed)

    def _hear(self, payload: str) -> None:
        if payload.startswith(RESTARTS) and payload[len(RESTARTS) :].isdecimal():
            self._restarts.add(int(payload[len(RESTARTS) :]))
        self.follow()

    def _renew(self) -> None:
        """What changed while PostgreSQL was away was not heard."""
        self._session.execute(f"LISTEN {CHANNEL}").addCallbacks(
            lambda _: self.follow(), lambda failure: failure.trap(StoreUnavailable)
        )

    async def _follow(self) -> None:
        while self._is_stale and self.running:
            self._is_stale = False
            rows = await self._session.query_patiently(LIST)
            await self._compare(self._served(Receiver(*row) for row in rows))

    def _eb_follow(self, failure: Failure) -> None:
        if self.running:
            self._log.failure("the receivers stay as they were: the table could not be followed", failure)

    def _cb_followed(self, _: object) -> None:
        self._following = None

    async def _compare(self, wanted: list[Receiver]) -> None:
        ids = {receiver.id: receiver for receiver in wanted}
        restarts, self._restarts = self._restarts, set()
        same = {number for number, opened in self._open.items() if opened.serves(ids.get(number))} - restarts
        leaving = [number for number in self._open if number not in same]
        # All ports are free before the first is taken: two receivers may have changed places.
        await DeferredList([self._said(self._free(self._open.pop(number))) for number in leaving])
        for receiver in wanted:
            if receiver.id in self._open:
                self._open[receiver.id].service.follow(receiver)
            else:
                self.put([receiver])
        self._open = {receiver.id: self._open[receiver.id] for receiver in wanted}

    def _said(self, closing: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Let it run; a fault in it is in the log, and no other receiver's."""
        return ensureDeferred(closing).addErrback(lambda failure: self._log.failure("a receiver was not closed", failure))

    async def _free(self, opened: Opened) -> None:
        """Free the port at once, or, as the answers to datagrams leave by it, when they have left."""
        if opened.service.fault:
            return
        receiver = opened.service.receiver
        self._log.info("receiver {name}: {transport} port {port} closes", **_fields(receiver))
        if receiver.transport == "UDP":
            await self._end(opened)
            await maybeDeferred(opened.service.stopService)
        else:
            await maybeDeferred(opened.service.stopService)
            self._said(self._end(opened))

    async def _end(self, opened: Opened) -> None:
        """End the connections of this receiver when what was read is answered."""
        opened.share.shut()
        try:
            await opened.share.when_empty().addTimeout(self._patience, self._reactor)
        except defer.TimeoutError:
            fields = _fields(opened.service.receiver)
            self._log.warn("receiver {name}: {held} fixes were not stored: not acknowledged", held=opened.share.held, **fields)
        # An answer leaves after its fixes count as stored.
        await deferLater(self._reactor, 0)
        opened.share.end()


def _place(receiver: Receiver) -> tuple[object, ...]:
    return receiver.vendor, receiver.port, receiver.transport, receiver.unknown, receiver.tls


def _fields(receiver: Receiver) -> dict[str, Any]:
    return {"name": receiver.name, "transport": receiver.transport, "port": receiver.port}
