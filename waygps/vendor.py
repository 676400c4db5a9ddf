"""The usual vendor: a record that names a decoder, and gets everything else from WayGPS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct
from twisted.internet.interfaces import IProtocolFactory
from twisted.plugin import IPlugin
from zope.interface import implementer

from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.framing import FrameDecoder
from waygps.ingest.sniff import by_decoder
from waygps.ingest.stream import StreamFactory
from waygps.interfaces import IDecoder, IEncoder, IRecognises, IRequests, ISessionFactory, IVendor, Transport, Verdict
from waygps.request import Request


class Sample(Struct, frozen=True, kw_only=True):
    """One message of a device and what it comes to: what a vendor shows that it can do, and what its check tries it on."""

    data: bytes = b""
    """The whole message, or several of one connection."""
    request: Request | None = None
    """In place of ``data``, for HTTP."""
    transport: Transport = "tcp"
    device: str = ""
    """The identification that the connection had given before."""
    fixes: tuple[dict[str, Any], ...] = ()
    """For each fix the fields that it has to have, by the names of Fix; ``time`` as ISO 8601 in UTC, or None."""
    reply: bytes | None = None
    """All replies, one after the other; None: not looked at."""


class NoDecoder(FrameDecoder):
    """Of vendors that only speak HTTP: refuses all bytes."""

    def size(self, buffer: bytearray) -> int:
        raise DecodeError("this vendor's devices speak HTTP", bytes(buffer[:64]))


@implementer(IPlugin, IVendor, IRecognises, IRequests)
class Vendor:
    """A vendor whose devices are served by a decoder; keyword arguments are the attributes of IVendor.

    ``requests(request)`` gives the messages of an HTTP request, ``claims(request)`` says whether it is this vendor's.
    ``samples`` are what the conformance check tries the vendor on, and the page about it shows.
    ``models`` are the devices, for people.
    ``checksum``: every report carries one, so that no wrong byte of it may ever give another position; its check tries that.

    ``decoder(transport, device)`` makes an IDecoder; ``encoder(device, transport)`` an IEncoder, for the simulator.
    ``recognises(data, transport)`` is as in IRecognises; without one the decoder is tried on the bytes.
    A vendor that needs a Twisted protocol of its own overrides ``factory``.
    """

    def __init__(
        self,
        *,
        name: str,
        title: str,
        port: int,
        decoder: Callable[[Transport, str], IDecoder] = NoDecoder,
        requests: Callable[[Request], Iterable[Message]] | None = None,
        claims: Callable[[Request], bool] | None = None,
        samples: tuple[Sample, ...] = (),
        models: tuple[str, ...] = (),
        encoder: Callable[[str, Transport], IEncoder] | None = None,
        recognises: Callable[[bytes, Transport], Verdict] | None = None,
        maker: str = "",
        transports: tuple[Transport, ...] = ("tcp", "udp"),
        active: bool = True,
        checksum: bool = False,
    ) -> None:
        self.name = name
        self.title = title
        self.maker = maker or title
        self.transports = transports
        self.port = port
        self.active = active
        self.samples = samples
        self.models = models
        self.checksum = checksum
        self._requests = requests
        self._claims = claims
        self._decoder = decoder
        self._encoder = encoder
        self._recognises = recognises

    def decoder(self, transport: Transport, device: str = "") -> IDecoder:
        return self._decoder(transport, device)

    def encoder(self, device: str, transport: Transport) -> IEncoder | None:
        return self._encoder(device, transport) if self._encoder else None

    def claims(self, request: Request) -> bool:
        return self._claims(request) if self._claims else False

    def messages(self, request: Request) -> Iterable[Message]:
        if self._requests is None:
            raise DecodeError(f"devices of {self.title} do not speak HTTP")
        return self._requests(request)

    @property
    def guesses(self) -> bool:
        return self._recognises is None and type(self).recognises is Vendor.recognises

    def recognises(self, data: bytes, transport: Transport) -> Verdict:
        return self._recognises(data, transport) if self._recognises else by_decoder(self, data, transport)

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        return StreamFactory(lambda: self.decoder("tcp"), sessions)
