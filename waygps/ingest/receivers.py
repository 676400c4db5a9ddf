"""The ports that devices connect to, each a service of its own."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from waygps.errors import ReceiverError
from waygps.ingest.auto import AnyVendor, datagrams_of
from waygps.ingest.port import DevicePort
from waygps.ingest.ward import Ward
from waygps.interfaces import ISessionFactory, IVendor
from waygps.ports import Listener, open_port
from waygps.storage.receivers import Receiver

BACKLOG = 1024
"""Connections that may wait to be accepted: after a network failure a whole fleet comes back at once."""


class ReceiverService(Service):
    """One receiver. A port that cannot be opened is said by name, and the others are opened all the same."""

    _log = Logger()

    def __init__(
        self,
        listener: Listener,
        receiver: Receiver,
        vendor: IVendor | AnyVendor,
        sessions: ISessionFactory,
        ward: Ward | None = None,
    ) -> None:
        self._receiver = receiver
        self.gate = ward.gate if ward else None
        """What counts its connections; None: it has none."""
        self.name = f"receiver {receiver.name}"
        self.fault = ""
        """Why the port is not open; "" while it is."""
        self._listener = listener
        self._vendor = vendor
        self._sessions = sessions
        self._ward = ward
        self._port: IListeningPort | None = None

    @property
    def receiver(self) -> Receiver:
        """As the table has it; what changes in it without a new port is set while the port is open."""
        return self._receiver

    @receiver.setter
    def receiver(self, receiver: Receiver) -> None:
        self._receiver = receiver
        foreign = getattr(self._vendor, "foreign", None)
        if foreign is not None:
            foreign.receiver = receiver

    def startService(self) -> None:
        super().startService()
        place = f"receiver {self.receiver.name}: {self.receiver.transport} port {self.receiver.port}"
        remedy = "change puerto in configuraciones_receptores or set receivers.ports"
        try:
            self._port, self.fault = open_port(self._listen, place, remedy)
        except ReceiverError as error:
            self.fault = f"{place}: {error}"
            self._log.error("{place} is not opened: {error}", place=place, error=str(error))
        except Exception as error:  # a vendor's fault is not the other receivers'
            self.fault = f"{place}: {error!r}"
            self._log.failure("{place} cannot be opened", place=place)

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        port, self._port = self._port, None
        return port.stopListening() if port else None

    def follow(self, receiver: Receiver) -> None:
        """The row changed in what closes no port: its name, its limits."""
        self.receiver = receiver
        if self._ward:
            self._ward.allow(receiver)

    def _listen(self) -> IListeningPort:
        port, transports = self.receiver.port, getattr(self._vendor, "transports", ())
        if transports and self.receiver.transport.lower() not in transports:
            spoken = ", ".join(transports).upper()
            raise ReceiverError(f"{self.receiver.vendor} devices do not use {self.receiver.transport}, but {spoken}")
        if self.receiver.transport == "UDP":
            return self._listener.udp(port, self._datagrams())
        return self._listener.tcp(port, self._factory(), BACKLOG, DevicePort)

    def _datagrams(self) -> DatagramProtocol:
        vendor = self._vendor
        protocol = vendor.datagrams() if isinstance(vendor, AnyVendor) else datagrams_of(vendor, self._sessions)
        return self._ward.datagrams(protocol) if self._ward else protocol

    def _factory(self) -> IProtocolFactory:
        return self._vendor.factory() if isinstance(self._vendor, AnyVendor) else self._vendor.factory(self._sessions)
