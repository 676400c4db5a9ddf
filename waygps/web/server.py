"""The web port as a service."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.web.server import Site

from waygps.ports import Listener, open_port

BACKLOG = 1024
"""Connections that may wait to be accepted."""


class WebService(Service):
    """Opens the web port; when it cannot, the devices are served all the same."""

    name = "web"

    def __init__(self, listener: Listener, site: Site, port: int) -> None:
        self._listener = listener
        self._site = site
        self._number = port
        self._port: IListeningPort | None = None
        self.fault = ""
        """Why the port is not open; "" while it is."""

    def startService(self) -> None:
        super().startService()
        self._port, self.fault = open_port(
            lambda: self._listener.tcp(self._number, self._site, BACKLOG), f"web: TCP port {self._number}", "set web.port"
        )

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        port, self._port = self._port, None
        return port.stopListening() if port else None
