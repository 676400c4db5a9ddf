"""Opening a port, with an error that a person can act on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

_log = Logger()

LONGEST_DATAGRAM = 65536


def open_port(listen: Callable[[], IListeningPort], name: str, remedy: str) -> tuple[IListeningPort | None, str]:
    """The open port and "", or None and why it cannot be opened; that is in the log too, with the remedy."""
    try:
        port = listen()
    except CannotListenError as error:
        reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
        _log.error("{name} cannot be opened: {reason}. Stop what uses it, or {remedy}", name=name, reason=reason, remedy=remedy)
        return None, f"{name}: {reason}"
    _log.info("{name} is open", name=name)
    return port, ""


class Listener:
    """Opens ports on ``interface`` ("": all); ``is_shared``: other processes of this server open the same ones.

    The kernel then deals out the connections, and gives all datagrams of one peer to one process while their number stays.
    """

    def __init__(self, reactor: Any, interface: str, *, is_shared: bool = False) -> None:
        self._reactor = reactor
        self._interface = interface
        self._is_shared = is_shared

    def tcp(self, port: int, factory: IProtocolFactory, backlog: int = 50) -> IListeningPort:
        """A TCP port. CannotListenError where it cannot be had."""
        if not self._is_shared:
            return self._reactor.listenTCP(port, factory, backlog, self._interface)  # type: ignore[no-any-return]
        with self._bound(port, socket.SOCK_STREAM) as listening:
            listening.listen(backlog)
            return self._reactor.adoptStreamPort(listening.fileno(), listening.family, factory)  # type: ignore[no-any-return]

    def udp(self, port: int, protocol: DatagramProtocol) -> IListeningPort:
        """A UDP port. CannotListenError where it cannot be had."""
        if not self._is_shared:
            return self._reactor.listenUDP(port, protocol, self._interface, LONGEST_DATAGRAM)  # type: ignore[no-any-return]
        with self._bound(port, socket.SOCK_DGRAM) as bound:
            return self._reactor.adoptDatagramPort(bound.fileno(), bound.family, protocol, LONGEST_DATAGRAM)  # type: ignore[no-any-return]

    def _bound(self, port: int, kind: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET6 if ":" in self._interface else socket.AF_INET, kind)
        try:
            bound.setblocking(False)
            if kind == socket.SOCK_STREAM:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind((self._interface, port))
        except (OSError, OverflowError) as error:
            bound.close()
            raise CannotListenError(self._interface, port, error) from None
        return bound
