"""Receivers of type ``auto``: what a device sends first is held back until its vendor is known, and handed to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.interfaces import IAddress, IProtocolFactory, IUDPTransport
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.ingest.datagram import Address, DeviceDatagrams
from waygps.ingest.http import ANY, HTTPFactory
from waygps.ingest.sniff import Sniffer
from waygps.ingest.strangers import Strangers
from waygps.ingest.stream import DeviceStream, peer_name
from waygps.interfaces import ISessionFactory, IVendor

PATIENCE = 30.0
"""Seconds within which a connection has to show whose it is."""
QUIET = 0.5
"""Seconds after a vendor's yes that the others get to say no; then the device is that vendor's, as it waits for its answer."""


class AnyVendor:
    """Stands for all of these vendors at a receiver; ``sessions`` makes the sessions of the vendor with this name.

    ``guarded`` puts whatever is to be before a TCP factory in front of it; ``strangers`` is told of who is not recognised.
    """

    _log = Logger()

    def __init__(
        self,
        clock: Any,
        vendors: Iterable[IVendor],
        sessions: Callable[[str], ISessionFactory],
        guarded: Callable[[IProtocolFactory], IProtocolFactory] = lambda factory: factory,
        strangers: Strangers | None = None,
    ) -> None:
        self._clock = clock
        self._strangers = strangers or Strangers()
        self._guarded = guarded
        self._vendors = list(vendors)
        self._sessions = sessions

    def factory(self) -> IProtocolFactory:
        """For a TCP port."""
        return self._guarded(self.unguarded())

    def unguarded(self) -> AutoFactory:
        """The same with nothing in front of it. A vendor whose own factory cannot be made is said, and not served."""
        factories: dict[IVendor, IProtocolFactory] = {}
        for vendor in self._vendors:
            try:
                if "tcp" in vendor.transports:
                    factories[vendor] = vendor.factory(self._sessions(vendor.name))
            except Exception:  # a vendor's fault is not the others'
                self._log.failure("{vendor} is not served by receivers of type auto", vendor=vendor.name)
        speaking = {vendor: self._sessions(vendor.name) for vendor in self._vendors if "http" in vendor.transports}
        if speaking:
            factories[ANY] = HTTPFactory(self._clock, speaking, is_any=True)
        return AutoFactory(self._clock, factories, self._strangers)

    def datagrams(self) -> AutoDatagrams:
        """For a UDP port."""
        vendors = [vendor for vendor in self._vendors if "udp" in vendor.transports]
        protocols = {vendor: datagrams_of(vendor, self._sessions(vendor.name)) for vendor in vendors}
        return AutoDatagrams(protocols, self._strangers)


def datagrams_of(vendor: IVendor, sessions: ISessionFactory) -> DeviceDatagrams:
    """The protocol of a UDP port of this vendor."""
    return DeviceDatagrams(lambda: vendor.decoder("udp"), sessions, getattr(vendor, "foreign", None))


class AutoStream(Protocol):
    """One connection: undecided at first, then in the hands of its vendor's protocol."""

    def __init__(self, receiver: AutoFactory, address: IAddress) -> None:
        self._receiver = receiver
        self._address = address
        self._served: Any = None
        self._is_hurried = False
        self._sniffer: Sniffer | None = Sniffer(receiver.factories, "tcp")

    def connectionMade(self) -> None:
        self._waiting = self._receiver.clock.callLater(PATIENCE, self._decide)

    def dataReceived(self, data: bytes) -> None:
        if self._served is not None:
            self._served.dataReceived(data)
        elif self._sniffer is not None:
            self._sniffer.feed(data)
            if not self._sniffer.is_open:
                self._decide()
            elif self._sniffer.names and not self._is_hurried:
                self._is_hurried = True
                self._waiting.reset(QUIET)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._sniffer is not None:
            self._sniffer.finish()
            self._decide()
        if self._served is not None:
            self._served.connectionLost(reason)

    def _decide(self) -> None:
        """Hand the connection over, or close it."""
        sniffer, self._sniffer = self._sniffer, None
        assert sniffer is not None
        assert self.transport is not None
        if self._waiting.active():
            self._waiting.cancel()
        sniffer.conclude()
        protocol: Any = self._receiver.factories[sniffer.vendor].buildProtocol(self._address) if sniffer.vendor else None
        peer = peer_name(self.transport.getPeer())
        if sniffer.vendor is None or protocol is None:
            self._receiver.strangers.tell(peer, sniffer)
            self.transport.loseConnection()
            return
        self._receiver.chosen(sniffer.vendor, peer, sniffer.held)
        self._served = protocol
        if isinstance(protocol, DeviceStream):
            # Who hands bytes to this object hands them to that one from now on. A protocol of another kind may change its own.
            self.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
        protocol.makeConnection(self.transport)
        protocol.dataReceived(sniffer.held)


class AutoFactory(Factory):
    """Makes an AutoStream for each connection; the vendors' factories start and stop with it."""

    noisy = False

    def __init__(self, clock: Any, factories: Mapping[IVendor, IProtocolFactory], strangers: Strangers) -> None:
        self.clock = clock
        self.factories = factories
        self.strangers = strangers

    def chosen(self, vendor: IVendor, peer: str, data: bytes) -> None:
        """The connection of ``peer``, which began with ``data``, is this vendor's."""

    def startFactory(self) -> None:  # noqa: N802
        for factory in self.factories.values():
            factory.doStart()

    def stopFactory(self) -> None:  # noqa: N802
        for factory in self.factories.values():
            factory.doStop()

    def buildProtocol(self, addr: IAddress | None) -> AutoStream:
        return AutoStream(self, addr)  # type: ignore[arg-type]  # only tests have none


class AutoDatagrams(DatagramProtocol):
    """A UDP port: each datagram is given to the protocol of the vendor that recognises it."""

    noisy = False
    transport: IUDPTransport

    def __init__(self, protocols: Mapping[IVendor, DatagramProtocol], strangers: Strangers) -> None:
        self._protocols = protocols
        self._strangers = strangers

    def startProtocol(self) -> None:
        for protocol in self._protocols.values():
            protocol.makeConnection(self.transport)

    def stopProtocol(self) -> None:
        for protocol in self._protocols.values():
            protocol.doStop()

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        sniffer = Sniffer(self._protocols, "udp")
        sniffer.feed(datagram)
        sniffer.finish()
        if sniffer.vendor is not None:
            self._protocols[sniffer.vendor].datagramReceived(datagram, addr)
        else:
            self._strangers.tell("{}:{}".format(*addr), sniffer)
