"""The wire that can be cut, and go silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from twisted.trial.unittest import SynchronousTestCase

from chaos.ports import BELOW_EPHEMERAL, settled_port
from chaos.proxy import Proxy
from tests.chaos.serving import serve


class Wire:
    """A proxy before a server that sends back what it gets, and notes it."""

    def __init__(self, target: int, heard: list[bytes]) -> None:
        self.proxy = Proxy(settled_port(), target)
        self.heard = heard

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.proxy.port)


async def told(wire: Wire, count: int) -> None:
    """Wait until the server has heard so many pieces."""
    while len(wire.heard) < count:
        await asyncio.sleep(0.005)


async def is_reset(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b"never"
    except ConnectionResetError:
        return True


class States(SynchronousTestCase):
    """A connection through the proxy."""

    def through(self, act: Callable[[Wire], Awaitable[None]]) -> None:
        """Do this with an open proxy, within ten seconds."""
        heard: list[bytes] = []

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1000):
                heard.append(data)
                writer.write(data)

        async def run() -> None:
            async with serve(echo) as target, asyncio.timeout(10):
                wire = Wire(target, heard)
                await wire.proxy.set("open")
                await act(wire)
                await wire.proxy.close()

        asyncio.run(run())

    def test_open(self) -> None:
        """An open wire carries both ways."""

        async def act(wire: Wire) -> None:
            reader, writer = await wire.connected()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"

        self.through(act)

    def test_cut(self) -> None:
        """A cut resets what there is and refuses what comes; opened again it carries new connections."""

        async def act(wire: Wire) -> None:
            reader, writer = await wire.connected()
            writer.write(b"hello")
            await reader.readexactly(5)
            await wire.proxy.set("cut")
            assert await is_reset(reader)
            with self.assertRaises(ConnectionRefusedError):
                await wire.connected()
            await wire.proxy.set("open")
            reader, writer = await wire.connected()
            writer.write(b"again")
            assert await reader.readexactly(5) == b"again"

        self.through(act)

    def test_silent(self) -> None:
        """A silent wire accepts and swallows, old connections and new ones; when it is open again they break."""

        async def act(wire: Wire) -> None:
            old, old_writer = await wire.connected()
            old_writer.write(b"hello")
            await old.readexactly(5)
            await wire.proxy.set("silent")
            new, new_writer = await wire.connected()
            old_writer.write(b"old")
            new_writer.write(b"new")
            for reader in (old, new):
                with self.assertRaises(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.1)
            assert wire.heard == [b"hello"]
            await wire.proxy.set("open")
            assert await is_reset(old)
            assert await is_reset(new)

        self.through(act)

    def test_deaf(self) -> None:
        """A deaf wire carries what is said and swallows the answers: the server heard what nobody was told of."""

        async def act(wire: Wire) -> None:
            reader, writer = await wire.connected()
            await wire.proxy.set("deaf")
            writer.write(b"COMMIT")
            await told(wire, 1)
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.1)
            assert wire.heard == [b"COMMIT"]
            await wire.proxy.set("open")
            assert await is_reset(reader)

        self.through(act)

    def test_unharmed(self) -> None:
        """A connection that said nothing while the wire was silent goes on afterwards."""

        async def act(wire: Wire) -> None:
            reader, writer = await wire.connected()
            writer.write(b"before")
            await reader.readexactly(6)
            await wire.proxy.set("silent")
            await wire.proxy.set("open")
            writer.write(b"after")
            assert await reader.readexactly(5) == b"after"

        self.through(act)

    def test_nobody_there(self) -> None:
        """Where nobody listens behind it, the proxy breaks the connection."""

        async def run() -> None:
            proxy = Proxy(settled_port(), settled_port())
            await proxy.set("open")
            reader, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
            async with asyncio.timeout(10):
                assert await is_reset(reader)
            await proxy.close()

        asyncio.run(run())

    def test_ports(self) -> None:
        """The ports are where the kernel takes none for a device's own end."""
        assert settled_port() in BELOW_EPHEMERAL
