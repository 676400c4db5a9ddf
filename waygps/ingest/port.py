"""The TCP port of a receiver: no crowd has the event loop for long, so that devices beside it are served soon."""

from __future__ import annotations

from twisted.internet import tcp

ACCEPTED = 50
"""Connections that are taken in one turn of the loop. Twisted's own number grows for as long as more of them wait."""
READ = 2**14
"""Bytes that are read of a connection in one turn: a quarter of Twisted's."""


class DeviceConnection(tcp.Server):
    """A connection that waits for its turn more often than others."""

    bufferSize = READ  # noqa: N815


class DevicePort(tcp.Port):
    """A port that takes a few connections at a time."""

    transport = DeviceConnection

    def doRead(self) -> None:
        self.numberAccepts = min(self.numberAccepts, ACCEPTED)
        super().doRead()
