"""Devices of other vendors at a receiver of one vendor: recognised and said, and served where the receiver allows it.

``configuracion_avanzada`` {"otros_protocolos": true} of the receiver allows it. The receiver's own vendor sees every byte first,
and nobody else sees any where it finds a message of a device in them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IAddress, IProtocolFactory, IUDPTransport
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from zope.interface import directlyProvides, providedBy

from waygps.ingest.auto import AnyVendor, AutoFactory, datagrams_of
from waygps.ingest.buckets import Buckets
from waygps.ingest.datagram import Address, DeviceDatagrams
from waygps.ingest.findings import Findings
from waygps.ingest.opening import Opening
from waygps.ingest.sessions import Said
from waygps.ingest.sniff import Sniffer, verdict
from waygps.ingest.strangers import Strangers
from waygps.ingest.stream import DeviceStream, StreamFactory
from waygps.interfaces import ISessionFactory, IVendor, Transport, Verdict
from waygps.storage.receivers import Receiver

JUDGED, JUDGED_AT_ONCE = 2, 20
"""So many connections a second, after so many at once, are judged that are not served: to ask every vendor costs milliseconds,
and a crowd that means no good would have the devices beside it wait."""

Ports = Callable[[str, Transport], int | None]
"""The open port of the vendor with this name."""


class OthersFactory(AutoFactory):
    """Connections that a receiver's own vendor has refused."""

    foreign: Foreign

    def chosen(self, vendor: IVendor, peer: str, data: bytes) -> None:
        self.foreign.found(vendor, peer, "tcp", data, is_served=True)


class Foreign:
    """One receiver's way with devices that are not its own vendor's. ``vendors`` are all; ``sessions`` is as for AnyVendor."""

    _log = Logger()

    def __init__(
        self,
        clock: Any,
        receiver: Receiver,
        vendors: Iterable[IVendor],
        sessions: Callable[[str], ISessionFactory],
        ports: Ports,
        findings: Findings,
        strangers: Strangers,
    ) -> None:
        self.receiver = receiver
        """As the table has it now."""
        self.vendors = list(vendors)
        (self.own,) = [vendor for vendor in self.vendors if vendor.name == receiver.vendor]
        self.others = [vendor for vendor in self.vendors if vendor is not self.own]
        self._any = AnyVendor(clock, self.others, sessions, strangers=strangers)
        self._clock = clock
        self._sessions = sessions
        self._ports = ports
        self._findings = findings
        self._strangers = strangers
        self._said = Said()
        self._judging = Buckets(JUDGED, JUDGED_AT_ONCE, time.monotonic, 1)
        self._factory: OthersFactory | None = None
        self._datagrams: dict[IVendor, DeviceDatagrams] = {}

    @property
    def serves(self) -> bool:
        """Whether other vendors' devices are served."""
        return self.receiver.others

    def opening(self, stream: DeviceStream) -> Opening:
        """Look at the beginning of this connection."""
        return Opening(self, stream)

    def successor(self, address: IAddress) -> Protocol:
        """The protocol of a connection that is not the own vendor's."""
        if self._factory is None:
            served = self._any.unguarded()
            self._factory = OthersFactory(self._clock, served.factories, self._strangers)
            self._factory.foreign = self
            self._factory.doStart()
        return self._factory.buildProtocol(address)

    def datagram(self, transport: IUDPTransport, datagram: bytes, addr: Address, *, is_refused: bool) -> bool:
        """The own vendor found no device in it. Whether another vendor's protocol has it now."""
        peer = "{}:{}".format(*addr)
        vendor = self._recognised("udp", datagram)
        if vendor is None or not self.serves:
            self.judge(peer, "udp", datagram, is_refused=is_refused)
            return False
        self.found(vendor, peer, "udp", datagram, is_served=True)
        if vendor not in self._datagrams:
            self._datagrams[vendor] = datagrams_of(vendor, self._sessions(vendor.name))
            self._datagrams[vendor].makeConnection(transport)
        self._datagrams[vendor].datagramReceived(datagram, addr)
        return True

    def judge(self, peer: str, transport: Transport, data: bytes, *, is_refused: bool) -> None:
        """Say whose the bytes are in which the own vendor found no device; ``is_refused``: its decoder gave up on them."""
        if not data or not self._judging.take(""):
            return
        vendor = self._recognised(transport, data)
        if vendor is not None:
            self.found(vendor, peer, transport, data, is_served=False)
        elif is_refused:
            self._strangers.pass_on(peer, transport, data, self.vendors)
        elif verdict(self.own, data, transport) is Verdict.NO:
            self._strangers.tell(peer, _finished(self.vendors, transport, data))

    def found(self, vendor: IVendor, peer: str, transport: Transport, data: bytes, *, is_served: bool) -> None:
        """A device of this vendor is here: in the log once a host and vendor, among the findings each time."""
        receiver, port = self.receiver, self._ports(vendor.name, transport)
        place = f"{vendor.name} has port {port}" if port else f"no receiver of {vendor.name} is open"
        outcome = "it is served here" if is_served else place
        text = f"this device speaks {vendor.name}; port {receiver.port} is for {receiver.vendor}; {outcome}"
        if self._said.is_news(f"{peer.rpartition(':')[0]} {vendor.name} {is_served}"):
            self._log.warn("receiver {name}: {peer}: {text}", name=receiver.name, peer=peer, text=text)
        told = f"{receiver.name}: {peer}: {text}"
        self._findings.foreign(receiver.name, peer, transport, data, vendor.name, told, is_served)

    def stop(self) -> None:
        """The port is closed."""
        if self._factory is not None:
            self._factory.doStop()
            self._factory = None
        for datagrams in self._datagrams.values():
            datagrams.doStop()
        self._datagrams.clear()

    def _recognised(self, transport: Transport, data: bytes) -> IVendor | None:
        """The vendor of these bytes, if it is another than the own."""
        vendor = _finished(self.vendors, transport, data).vendor
        return None if vendor is self.own else vendor


def _finished(vendors: Iterable[IVendor], transport: Transport, data: bytes) -> Sniffer:
    sniffer = Sniffer(vendors, transport)
    sniffer.feed(data)
    sniffer.finish()
    return sniffer


class Attentive:
    """A vendor whose ports notice the devices of others; all else of it, and what it provides, is as it was.

    A vendor that brings a Twisted factory of its own is left as it is: nobody can tell what that has understood.
    """

    def __init__(self, vendor: IVendor, foreign: Foreign) -> None:
        self._vendor = vendor
        self.foreign = foreign
        directlyProvides(self, providedBy(vendor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vendor, name)

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        factory = self._vendor.factory(sessions)
        if isinstance(factory, StreamFactory):
            factory.foreign = self.foreign
        return factory
