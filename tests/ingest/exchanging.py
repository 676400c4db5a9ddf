"""Devices that speak HTTP, for tests: a made-up vendor, and connections whose answers are read as a client reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from tests.fakes import a_fix
from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.request import Request
from waygps.vendor import Vendor

HOST = "10.0.0.7"


def messages(request: Request) -> Iterator[Message]:
    """A message for each ``d``; each is answered with its name in brackets."""
    if "bad" in request.query:
        raise DecodeError("bad is not good", request.body)
    if "bug" in request.query:
        raise KeyError("a bug in the plugin")
    for device in request.query.get("d", []):
        warnings = tuple(request.query.get("warn", []))
        yield Message(device=device, fixes=(a_fix(),), reply=f"[{device}]".encode(), refusal=b"", warnings=warnings)
    if request.body:
        yield Message(device="body", raw=request.body, reply=str(len(request.body)).encode())


def a_vendor(name: str = "web", path: str = "/") -> Vendor:
    """A vendor that claims what begins with this path."""

    def claims(request: Request) -> bool:
        if "worse" in request.query:
            raise KeyError("a bug in the plugin")
        return request.path.startswith(path)

    return Vendor(name=name, title=name, port=1, transports=("http",), requests=messages, claims=claims)


class Heard(Struct):
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def heard(data: bytes) -> list[Heard]:
    """The answers of one connection, in order."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers["content-length"])
        answers.append(Heard(int(first.split()[1]), headers, data[:length]))
        data = data[length:]
    return answers


def get(query: str, *headers: str) -> bytes:
    """A GET."""
    return "\r\n".join([f"GET /{query} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def post(body: bytes, *headers: str, query: str = "") -> bytes:
    """A POST."""
    lines = [f"POST /{query} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Client:
    """A device's connection."""

    def __init__(self, factory: Any, port: int = 5000) -> None:
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", HOST, port))
        self.protocol: Any = factory.buildProtocol(self.transport.getPeer())
        self.protocol.makeConnection(self.transport)

    def says(self, *pieces: bytes) -> None:
        """Bytes arrive."""
        for piece in pieces:
            self.protocol.dataReceived(piece)

    @property
    def answers(self) -> list[Heard]:
        """What was answered until now."""
        return heard(self.transport.value())

    @property
    def statuses(self) -> list[int]:
        """The same, without what else they say."""
        return [answer.status for answer in self.answers]

    @property
    def is_closed(self) -> bool:
        """Whether the server closed it."""
        return bool(self.transport.disconnecting)
