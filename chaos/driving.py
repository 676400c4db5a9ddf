"""A device's connections: it reports, waits for the answers, and connects anew where they do not come."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from chaos.devices import Tracker

PATIENCE = 3.0
"""Seconds that a device waits for an answer before it connects anew and sends again."""
DEAF = 0.04
"""How many of the answers are lost in the air: the device sends again what the server has acknowledged."""


class Wire(asyncio.Protocol, asyncio.DatagramProtocol):
    """The device's end of a connection, or of the socket of one datagram."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._received = bytearray()
        self._news = asyncio.Event()
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._news.set()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.data_received(data)

    def error_received(self, exc: Exception) -> None:
        self.connection_lost(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._news.set()

    def send(self, data: bytes) -> None:
        """As a datagram, or on the connection."""
        send = getattr(self._transport, "sendto", None) or self._transport.write
        send(data)

    def abort(self) -> None:
        """Be gone without a goodbye."""
        self._transport.abort()

    async def expect(self, answer: bytes) -> None:
        """Wait until this came. ConnectionError where the connection broke, or something else came."""
        while len(self._received) < len(answer):
            if self._lost:
                raise ConnectionError("the server is gone")
            self._news.clear()
            await self._news.wait()
        came = bytes(self._received[: len(answer)])
        del self._received[: len(answer)]
        if came != answer:
            raise ConnectionError(f"answered {came!r} instead of {answer!r}")


async def drive(tracker: Tracker, port: int, pace: float) -> None:
    """Report until cancelled, about every ``pace`` seconds, whatever becomes of the server."""
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                wire = await _open(tracker, port)
            try:
                await _converse(tracker, wire, pace)
            finally:
                wire.abort()
        except (OSError, TimeoutError):  # asyncio's errors of connections are OSError too
            await asyncio.sleep(tracker.random.uniform(0.05, 0.4))


async def _open(tracker: Tracker, port: int) -> Wire:
    loop = asyncio.get_running_loop()
    if tracker.kind.transport == "udp":
        # A socket for each try: an answer to an earlier one cannot be taken for this one's.
        _, wire = await loop.create_datagram_endpoint(Wire, remote_addr=("127.0.0.1", port), family=socket.AF_INET)
        return wire
    _, stream = await loop.create_connection(Wire, "127.0.0.1", port)
    hello = tracker.hello()
    if hello.data:
        stream.send(hello.data)
        for answer, _ in hello.due:
            await stream.expect(answer)
    return stream


async def _converse(tracker: Tracker, wire: Wire, pace: float) -> None:
    while True:
        report = tracker.report()
        wire.send(report.data)
        if tracker.random.random() < DEAF:
            await asyncio.sleep(tracker.random.uniform(0, 0.2))
            raise ConnectionError("the answer was lost in the air")
        async with asyncio.timeout(PATIENCE):
            for answer, fixes in report.due:
                await wire.expect(answer)
                tracker.forget(fixes)
        await asyncio.sleep(tracker.random.uniform(0, 2 * pace))
        if tracker.kind.transport == "udp":
            raise ConnectionError("every datagram has a socket of its own")
