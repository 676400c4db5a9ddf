"""Opening a port, with an error that a person can act on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp, udp
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


class _Shared:
    """Makes the socket of a port one that other processes may open too."""

    def createInternetSocket(self) -> socket.socket:  # noqa: N802
        made: socket.socket = super().createInternetSocket()  # type: ignore[misc]  # a port of Twisted's has it
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return made


class _SharedDatagrams(_Shared, udp.Port):
    pass


class Listener:
    """Opens ports on ``interface`` ("": all); ``is_shared``: other processes of this server open the same ones.

    The kernel then deals out the connections, and gives all datagrams of one peer to one process while their number stays.
    """

    def __init__(self, reactor: Any, interface: str, *, is_shared: bool = False) -> None:
        self._reactor = reactor
        self._interface = interface
        self._is_shared = is_shared

    def tcp(self, port: int, factory: IProtocolFactory, backlog: int = 50, kind: type[tcp.Port] = tcp.Port) -> IListeningPort:
        """A TCP port of this kind. CannotListenError where it cannot be had."""
        shape: Any = type(kind.__name__, (_Shared, kind), {}) if self._is_shared else kind
        return self._opened(shape(port, factory, backlog, self._interface, self._reactor))

    def udp(self, port: int, protocol: DatagramProtocol) -> IListeningPort:
        """A UDP port. CannotListenError where it cannot be had."""
        shape: Any = _SharedDatagrams if self._is_shared else udp.Port
        return self._opened(shape(port, protocol, self._interface, LONGEST_DATAGRAM, self._reactor))

    def _opened(self, port: Any) -> IListeningPort:
        port.startListening()
        return port  # type: ignore[no-any-return]
