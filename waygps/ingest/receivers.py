"""The ports that devices connect to, each a service of its own."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from waygps.ingest.datagram import DeviceDatagrams
from waygps.interfaces import ISessionFactory, IVendor
from waygps.ports import open_port
from waygps.storage.receivers import Receiver

BACKLOG = 1024
"""Connections that may wait to be accepted: after a network failure a whole fleet comes back at once."""


class ReceiverService(Service):
    """One receiver. A port that cannot be opened is said by name, and the others are opened all the same."""

    _log = Logger()

    def __init__(self, reactor: Any, receiver: Receiver, vendor: IVendor, sessions: ISessionFactory, interface: str) -> None:
        self.receiver = receiver
        self.name = f"receiver {receiver.name}"
        self.fault = ""
        """Why the port is not open; "" while it is."""
        self._reactor = reactor
        self._vendor = vendor
        self._sessions = sessions
        self._interface = interface
        self._port: IListeningPort | None = None

    def startService(self) -> None:
        super().startService()
        place = f"receiver {self.receiver.name}: {self.receiver.transport} port {self.receiver.port}"
        remedy = "change puerto in configuraciones_receptores or set receivers.ports"
        try:
            self._port, self.fault = open_port(self._listen, place, remedy)
        except Exception as error:  # a vendor's fault is not the other receivers'
            self.fault = f"{place}: {error!r}"
            self._log.failure("{place} cannot be opened", place=place)

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        port, self._port = self._port, None
        return port.stopListening() if port else None

    def _listen(self) -> IListeningPort:
        port = self.receiver.port
        if self.receiver.transport == "UDP":
            protocol = DeviceDatagrams(lambda: self._vendor.decoder("udp"), self._sessions)
            return self._reactor.listenUDP(port, protocol, self._interface, maxPacketSize=65536)  # type: ignore[no-any-return]
        factory = self._vendor.factory(self._sessions)
        return self._reactor.listenTCP(port, factory, BACKLOG, self._interface)  # type: ignore[no-any-return]
