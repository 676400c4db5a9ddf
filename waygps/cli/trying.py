"""A protocol on a port of its own: every message is printed and answered, nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, json, to_builtins
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory
from zope.interface import implementer

from waygps.cli.decode import shown
from waygps.conformance.loading import Unloadable, load
from waygps.conformance.subject import shown as readable
from waygps.fix import Message
from waygps.ingest.datagram import DeviceDatagrams
from waygps.ingest.decoding import reply_to
from waygps.interfaces import Answer, ISession, ISessionFactory, IVendor

Say = Callable[[str], object]


class Place(Struct, frozen=True):
    """A port to listen on."""

    transport: str
    host: str
    port: int


class Current:
    """The vendor of a file, as the file is now. A fault in it keeps the vendor that was there."""

    def __init__(self, path: Path, say: Say) -> None:
        self._path = path
        self._say = say
        self._stamp = self._changed()
        self.vendor: IVendor = load(path)[0]

    def look(self) -> None:
        """Load the file again if it changed."""
        stamp = self._changed()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.vendor = load(self._path)[0]
        except Unloadable as error:
            self._say(f"-- {error}\n-- the code before it goes on")
        else:
            self._say(
                f"-- {self._path} is loaded anew: for new connections and all datagrams; open connections keep the old code"
            )

    def _changed(self) -> tuple[int, int]:
        try:
            state = self._path.stat()
        except FileNotFoundError:
            return 0, 0  # an editor that replaces it
        return state.st_mtime_ns, state.st_size


@implementer(ISession)
class PrintingSession:
    """Accepts every message, and prints it."""

    def __init__(self, peer: str, say: Say, now: Callable[[], Any]) -> None:
        self._peer = peer
        self._say = say
        self._now = now

    def submit(self, message: Message) -> Deferred[Answer]:
        reply = reply_to(message, self._now())
        for line in lines(message, reply):
            self._say(f"{self._peer} {line}")
        return succeed(Answer(reply))

    def undecodable(self, data: bytes = b"", reason: str = "") -> None:
        self._say(f"{self._peer} closed: the decoder raised DecodeError")

    def end(self) -> None:
        pass


@implementer(ISessionFactory)
class PrintingSessions:
    """Makes sessions that print."""

    def __init__(self, say: Say, now: Callable[[], Any]) -> None:
        self._say = say
        self._now = now

    def session(self, peer: str, producer: IPushProducer | None = None) -> PrintingSession:
        return PrintingSession(peer, self._say, self._now)


class CurrentFactory(Factory):
    """Gives each connection what the vendor's factory makes, as the file is now."""

    noisy = False

    def __init__(self, current: Current, sessions: ISessionFactory) -> None:
        self._current = current
        self._sessions = sessions

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._current.vendor.factory(self._sessions).buildProtocol(addr)  # type: ignore[arg-type]  # as Twisted's own


def lines(message: Message, reply: bytes) -> list[str]:
    """A message for a person."""
    said = [f"device {message.device or '(not said)'}: {len(message.fixes)} fixes, from {readable(message.raw)}"]
    said += [f"   fix {json.encode(shown(message, fix)).decode()}" for fix in message.fixes]
    if message.vitals is not None:
        told_of = {name: value for name, value in to_builtins(message.vitals).items() if value is not None}
        said.append(f"   vitals {json.encode(told_of).decode()}")
    said += [f"   unreadable: {message.unreadable}"] if message.unreadable else []
    said += [f"   warning: {warning}" for warning in message.warnings]
    return [*said, f"   answered {readable(reply)}" if reply else "   not answered"]


def serve(reactor: Any, current: Current, place: Place, say: Say) -> Any:
    """Open this port, and give it. Raises CannotListenError."""
    sessions = PrintingSessions(say, lambda: datetime.now(UTC))
    if place.transport == "tcp":
        return reactor.listenTCP(place.port, CurrentFactory(current, sessions), interface=place.host)
    return reactor.listenUDP(place.port, DeviceDatagrams(lambda: current.vendor.decoder("udp"), sessions), interface=place.host)
