"""The wire between the server and PostgreSQL: a TCP proxy that can be cut, or go silent in one direction or both."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Literal

State = Literal["open", "cut", "silent", "deaf"]
"""``open`` carries everything; ``cut`` has reset what there was and refuses; ``silent`` accepts and swallows, both ways;
``deaf`` carries what the server says and swallows the answers, so that what is committed looks as if it were not."""

_RESET = struct.pack("ii", 1, 0)


class Link:
    """One connection through the proxy. It carries what the proxy's state lets through; what was swallowed once breaks it."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._ends = [writer]
        self._near = reader
        self.has_swallowed = False

    async def carry(self, port: int) -> None:
        """Until either end is gone."""
        try:
            if self._proxy.state == "silent":
                await self._swallow()
                return
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self._ends.append(writer)
            await self._both_ways(reader, writer)
        except OSError:
            return
        finally:
            self.reset()

    def reset(self) -> None:
        """Break it without a goodbye."""
        for writer in self._ends:
            end = writer.get_extra_info("socket")
            if end is not None and end.fileno() >= 0:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def _both_ways(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = asyncio.create_task(self._pump(self._near, writer, "there"))
        back = asyncio.create_task(self._pump(far, self._ends[0], "back"))
        await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        self.reset()
        await asyncio.gather(there, back)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Literal["there", "back"]) -> None:
        try:
            while data := await reader.read(65536):
                if self._proxy.swallows(way):
                    self.has_swallowed = True
                else:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            return

    async def _swallow(self) -> None:
        self.has_swallowed = True
        while await self._near.read(65536):
            pass


class Proxy:
    """Listens on ``port`` of 127.0.0.1 for the PostgreSQL at ``target``."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.state: State = "open"
        self._target = target
        self._links: set[Link] = set()
        self._listening: asyncio.Server | None = None

    async def set(self, state: State) -> None:
        """From now on the wire is so; ``open`` breaks the connections that have lost bytes, as they are beyond repair."""
        self.state = state
        for link in [link for link in self._links if state == "cut" or link.has_swallowed]:
            link.reset()
        if state == "cut":
            self._refuse()
        elif self._listening is None:
            self._listening = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Cut it, and wait until every connection is gone."""
        await self.set("cut")
        while self._links:
            await asyncio.sleep(0.01)

    def swallows(self, way: Literal["there", "back"]) -> bool:
        """Whether bytes of this direction (there: towards PostgreSQL) are thrown away now."""
        return self.state == "silent" or (self.state == "deaf" and way == "back")

    def _refuse(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self, reader, writer)
        self._links.add(link)
        try:
            await link.carry(self._target)
        finally:
            self._links.discard(link)
