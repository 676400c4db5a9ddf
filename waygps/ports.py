"""Opening a port, with an error that a person can act on."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

_log = Logger()


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
