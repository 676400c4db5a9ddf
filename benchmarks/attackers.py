"""Crowds that mean no good, each in a process of its own, and from an address of its own.

    python -m benchmarks.attackers loris --port 8082 --seconds 8

prints ``ready`` when it is at full strength, and at the end one JSON object: what it did, and what became of it. They use plain
sockets and epoll: an event loop of Python would not make ten thousand connections a second.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import click
from msgspec import Struct, json

from benchmarks.connections import allow_files

HERE = "127.0.0.1"
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: the connection is gone with its end, and its port is free."""
HELLO = b"\x00\x0f350000000000079"
GIGABYTE = bytes(4) + (2**30).to_bytes(4, "big") + b"\x08\x01" + bytes(1000)
ENDLESS = b"x" * 65_536


class Outcome(Struct):
    """What became of a crowd."""

    seconds: float
    connections: int
    """Opened, or tried."""
    ended: int
    """Ended by the server."""
    sent_mb: float = 0.0

    @property
    def rate(self) -> float:
        """Connections a second."""
        return self.connections / self.seconds


class Crowd:
    """Connections by their descriptors; ``ended`` counts those that the server ended."""

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self._poll = select.epoll()
        self.open: dict[int, tuple[socket.socket, float]] = {}
        self.tried = self.ended = self.sent = 0

    def connect(self) -> socket.socket:
        """One more, without waiting until it is connected."""
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        made.bind((self._address, 0))
        made.setblocking(False)
        made.connect_ex((HERE, self._port))
        self._poll.register(made, select.EPOLLIN | select.EPOLLRDHUP)
        self.open[made.fileno()] = made, time.monotonic()
        self.tried += 1
        return made

    def send(self, connection: socket.socket, data: bytes) -> None:
        """As much of it as goes now."""
        with suppress(OSError):
            self.sent += connection.send(data)

    def heard(self, seconds: float) -> Iterator[tuple[socket.socket, bytes]]:
        """What the server says within that time; those that it ended are gone."""
        for number, _ in self._poll.poll(seconds, 4096):
            connection, _ = self.open[number]
            try:
                data = connection.recv(4096)
            except OSError:
                data = b""
            if data:
                yield connection, data
            else:
                self.ended += 1
                self.drop(number)

    def drop(self, number: int) -> None:
        """End this one."""
        connection, _ = self.open.pop(number)
        self._poll.unregister(connection)
        connection.close()

    def outcome(self, begun: float) -> Outcome:
        """What became of it; all connections are ended."""
        seconds = time.monotonic() - begun
        for number in list(self.open):
            self.drop(number)
        return Outcome(round(seconds, 2), self.tried, self.ended, round(self.sent / 2**20, 2))


def loris(crowd: Crowd, seconds: float, connections: int = 2000) -> Outcome:
    """So many connections that send a byte a second each, one after the other."""
    begun = time.monotonic()
    for _ in range(connections):
        crowd.connect()
    ready()
    due = deque(crowd.open)
    for step in range(1, int(seconds) * 100 + 1):
        for _ in range(len(due) // 100):
            due.rotate(-1)
            if due[0] in crowd.open:
                crowd.send(crowd.open[due[0]][0], b"I")
        while (left := begun + step / 100 - time.monotonic()) > 0:
            for _ in crowd.heard(left):
                pass
    return crowd.outcome(begun)


def flood(crowd: Crowd, seconds: float, rate: int = 10_000) -> Outcome:
    """So many connects a second, whether or not the server keeps up; who is not refused within a second gives up."""
    begun = time.monotonic()
    ready()
    while (passed := time.monotonic() - begun) < seconds:
        for _ in range(min(int(passed * rate) - crowd.tried, 200)):
            crowd.connect()
        for _ in crowd.heard(0.001):
            pass
        while crowd.open and (oldest := next(iter(crowd.open.items())))[1][1] < time.monotonic() - 1:
            crowd.drop(oldest[0])
    return crowd.outcome(begun)


def lengths(crowd: Crowd, seconds: float, at_once: int = 50) -> Outcome:
    """Teltonika devices that log in and declare a gigabyte, again and again."""
    begun = time.monotonic()
    ready()
    while time.monotonic() - begun < seconds:
        while len(crowd.open) < at_once:
            crowd.connect()
        for connection, _ in list(crowd.open.values()):
            crowd.send(connection, HELLO)
        for connection, _ in crowd.heard(0.05):
            crowd.send(connection, GIGABYTE)
    return crowd.outcome(begun)


def lines(crowd: Crowd, seconds: float, at_once: int = 50) -> Outcome:
    """Lines without an end, as fast as they are read."""
    begun = time.monotonic()
    ready()
    while time.monotonic() - begun < seconds:
        while len(crowd.open) < at_once:
            crowd.connect()
        for connection, _ in list(crowd.open.values()):
            crowd.send(connection, ENDLESS)
        for _ in crowd.heard(0.001):
            pass
    return crowd.outcome(begun)


KINDS = {"loris": loris, "flood": flood, "lengths": lengths, "lines": lines}
ADDRESSES = {kind: f"127.0.0.{number}" for number, kind in enumerate(KINDS, 2)}


def ready() -> None:
    """Tell who started it."""
    print("ready", flush=True)


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--port", required=True, type=int)
@click.option("--seconds", default=8.0, type=click.FloatRange(1, 600))
@click.option("--nice", is_flag=True, help="Leave the processor to the server: a crowd has machines of its own.")
def main(kind: str, port: int, seconds: float, nice: bool) -> None:
    """Be a crowd of this KIND at a port of this machine."""
    allow_files(12_000)
    if nice:
        os.nice(10)
    click.echo(json.encode(KINDS[kind](Crowd(port, ADDRESSES[kind]), seconds)))


if __name__ == "__main__":
    main()
