"""What stands between WayGPS and PostgreSQL and can fail: a port that hands everything on, or not."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase

from tests.postgres import clock


class Proxy(Factory):
    """A TCP port of 127.0.0.1 before the socket of the tests' server. ``is_deaf``: what the server says is lost."""

    noisy = False

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        (directory,) = parse_qs(parts.query)["host"]
        self._socket = f"{directory}/.s.PGSQL.5432"
        self._place = (parts.username or "postgres", parts.path)
        self.is_deaf = False
        self.links: list[_Near] = []
        self.url = ""

    async def opened(self, test: TestCase) -> Proxy:
        """Itself, with ``url`` to reach the database by; closed at the end of the test."""
        port = await TCP4ServerEndpoint(clock, 0, interface="127.0.0.1").listen(self)
        user, path = self._place
        self.url = f"postgresql://{user}@127.0.0.1:{port.getHost().port}{path}?sslmode=disable&gssencmode=disable"
        test.addCleanup(port.stopListening)
        test.addCleanup(self.cut)
        return self

    def cut(self) -> None:
        """End every connection, without a goodbye."""
        for link in tuple(self.links):
            link.transport.abortConnection()

    def buildProtocol(self, _address: Any) -> Protocol:
        return _Near(self)

    def far(self, near: _Near) -> Any:
        """Connect to the server for this client."""
        return connectProtocol(UNIXClientEndpoint(clock, self._socket), _Far(self, near))


class _Near(Protocol):
    transport: Any

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._far: Any = StringTransport()

    def connectionMade(self) -> None:
        self._proxy.links.append(self)
        self._proxy.far(self).addCallbacks(self._cb_connected, lambda _: self.transport.abortConnection())

    def _cb_connected(self, far: _Far) -> None:
        early, self._far = self._far.value(), far.transport
        self._far.write(early)
        if self not in self._proxy.links:
            self._far.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        self._far.write(data)

    def connectionLost(self, reason: object = None) -> None:
        self._proxy.links.remove(self)
        self._far.loseConnection()


class _Far(Protocol):
    def __init__(self, proxy: Proxy, near: _Near) -> None:
        self._proxy = proxy
        self._near = near

    def dataReceived(self, data: bytes) -> None:
        if not self._proxy.is_deaf:
            self._near.transport.write(data)

    def connectionLost(self, reason: object = None) -> None:
        self._near.transport.loseConnection()
