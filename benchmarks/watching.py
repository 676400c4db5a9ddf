"""Many clients of /ws/gps/ in a process of their own: how old is what each of them knows?

The server sends the same bytes to all who want the same, so each distinct frame is decoded once: the clients do not take the
processor from the server that they measure. What a client knows is the result of all frames that it received, in order.

    python -m benchmarks.watching --port 8000 --token T --clients 1000 --seconds 60

prints one JSON object.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterator

import click
from msgspec import Struct, json

from benchmarks.connections import allow_files

PERIOD = 0.5
"""Seconds from one look at what all clients know to the next."""
OPTIONS = json.encode({"type": "options", "compact": True})
_FIXED = 11
"""The place of fecha_gps in a row of gps_batch."""


class Watched(Struct):
    """What a crowd of clients saw."""

    clients: int
    vehicles: int
    connecting_s: float
    frames: int
    megabytes: float
    age_p50_ms: float
    age_p99_ms: float
    age_longest_ms: float
    closed: int
    """Clients that the server closed."""
    cpu_s: float
    seconds: float


class Knowledge:
    """When each vehicle was last heard of; equal for all clients that received the same."""

    __slots__ = ("next", "times")

    def __init__(self, times: dict[int, int]) -> None:
        self.times = times
        self.next: OrderedDict[bytes, Knowledge] = OrderedDict()

    def after(self, frame: bytes, is_compressed: bool) -> Knowledge:
        """What a client knows that received this frame too."""
        known = self.next.get(frame)
        if known is None:
            self.next[frame] = known = Knowledge({**self.times, **_times(frame, is_compressed)})
            if len(self.next) > 8:
                self.next.popitem(last=False)
        return known


def _times(frame: bytes, is_compressed: bool) -> dict[int, int]:
    if is_compressed:
        frame = zlib.decompressobj(-15).decompress(frame + b"\0\0\xff\xff")
    message = json.decode(frame)
    if message["type"] != "gps_batch":
        return {}
    return {row[0]: row[_FIXED] for row in message["updates"]}


class Client(asyncio.Protocol):
    """One client that reads all it is sent."""

    transport: asyncio.Transport

    def __init__(self, port: int, token: str, crowd: Crowd) -> None:
        self._hello = _handshake(port, token)
        self._crowd = crowd
        self._data = bytearray()
        self._is_open = False
        self.is_closed = False
        self.known = crowd.nothing
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._crowd.bytes += len(data)
        if not self._is_open:
            head, end, rest = bytes(self._data).partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head, head
            self._is_open, self._data = True, bytearray(rest)
            self.transport.write(_masked(1, OPTIONS))
        for first, payload in _frames(self._data):
            self._take(first, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("the server closed the connection"))

    def _take(self, first: int, payload: bytes) -> None:
        opcode = first & 15
        if opcode == 9:
            self.transport.write(_masked(10, payload))
        elif opcode == 8:
            self.is_closed = True
        elif opcode == 1:
            self._crowd.frames += 1
            self.known = self.known.after(payload, bool(first & 0x40))
            if not self.ready.done():
                self.ready.set_result(None)


class Crowd:
    """All clients, and the ages of what they know, in milliseconds."""

    def __init__(self) -> None:
        self.nothing = Knowledge({})
        self.bytes = self.frames = 0
        self.ages: Counter[int] = Counter()
        self.clients: list[Client] = []

    async def connect(self, port: int, token: str, count: int) -> None:
        """Let them in, some at a time."""
        gate = asyncio.Semaphore(50)
        loop = asyncio.get_running_loop()

        async def one() -> None:
            async with gate:
                _, client = await loop.create_connection(lambda: Client(port, token, self), "127.0.0.1", port)
                self.clients.append(client)
                await client.ready

        await asyncio.gather(*(one() for _ in range(count)))

    async def look(self, seconds: float) -> None:
        """Note for each client and vehicle how old what it knows is, twice a second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(PERIOD)
            now = int(time.time() * 1000)
            for known, clients in Counter(client.known for client in self.clients).items():
                for at in known.times.values():
                    self.ages[now - at] += clients


def percentile(counts: Counter[int], share: float) -> int:
    """The value below which this share of all is."""
    left = share * counts.total()
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return 0


def _handshake(port: int, token: str) -> bytes:
    return (
        f"GET /ws/gps/?token={token} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ).encode()


def _masked(opcode: int, payload: bytes) -> bytes:
    assert len(payload) < 126
    return bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload


def _frames(data: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the whole frames at the beginning."""
    while len(data) >= 2:
        length, at = data[1], 2
        if length >= 126:
            at = 4 if length == 126 else 10
            length = int.from_bytes(data[2:at])
        if len(data) < at + length:
            return
        yield data[0], bytes(data[at : at + length])
        del data[: at + length]


async def run(port: int, token: str, clients: int, seconds: float) -> Watched:
    """Let the crowd in, say so on standard output, and look for so long."""
    crowd, begun = Crowd(), time.perf_counter()
    await crowd.connect(port, token, clients)
    connecting = time.perf_counter() - begun
    print("connected", flush=True)
    await asyncio.sleep(3)
    crowd.bytes = crowd.frames = 0
    begun, cpu = time.perf_counter(), time.process_time()
    await crowd.look(seconds)
    took = time.perf_counter() - begun
    vehicles = max(len(client.known.times) for client in crowd.clients)
    return Watched(
        clients=clients,
        vehicles=vehicles,
        connecting_s=round(connecting, 2),
        frames=crowd.frames,
        megabytes=round(crowd.bytes / 1e6, 1),
        age_p50_ms=percentile(crowd.ages, 0.5),
        age_p99_ms=percentile(crowd.ages, 0.99),
        age_longest_ms=max(crowd.ages, default=0),
        closed=sum(client.is_closed for client in crowd.clients),
        cpu_s=round(time.process_time() - cpu, 2),
        seconds=round(took, 1),
    )


@click.command()
@click.option("--port", required=True, type=int)
@click.option("--token", required=True)
@click.option("--clients", default=1000, type=click.IntRange(1, 10_000))
@click.option("--seconds", default=60.0, type=click.FloatRange(1, 3600))
def main(port: int, token: str, clients: int, seconds: float) -> None:
    """Watch a server of this machine, and print what was measured as JSON."""
    allow_files(clients + 200)
    click.echo(json.encode(asyncio.run(run(port, token, clients, seconds))))


if __name__ == "__main__":
    main()
