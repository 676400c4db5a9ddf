"""The web port as a service."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.web.server import Site

from waygps.config import Web
from waygps.ports import open_port


class WebService(Service):
    """Opens the web port; when it cannot, the devices are served all the same."""

    name = "web"

    def __init__(self, reactor: Any, site: Site, settings: Web) -> None:
        self._reactor = reactor
        self._site = site
        self._settings = settings
        self._port: IListeningPort | None = None
        self.fault = ""
        """Why the port is not open; "" while it is."""

    def startService(self) -> None:
        super().startService()
        port, interface = self._settings.port, self._settings.interface
        self._port, self.fault = open_port(
            lambda: self._reactor.listenTCP(port, self._site, 1024, interface), f"web: TCP port {port}", "set web.port"
        )

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        port, self._port = self._port, None
        return port.stopListening() if port else None
