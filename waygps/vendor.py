"""The usual vendor: a record that names a decoder, and gets everything else from WayGPS."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IProtocolFactory
from twisted.plugin import IPlugin
from zope.interface import implementer

from waygps.ingest.sniff import by_decoder
from waygps.ingest.stream import StreamFactory
from waygps.interfaces import IDecoder, IEncoder, IRecognises, ISessionFactory, IVendor, Transport, Verdict


@implementer(IPlugin, IVendor, IRecognises)
class Vendor:
    """A vendor whose devices are served by a decoder; keyword arguments are the attributes of IVendor.

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
        decoder: Callable[[Transport, str], IDecoder],
        encoder: Callable[[str, Transport], IEncoder] | None = None,
        recognises: Callable[[bytes, Transport], Verdict] | None = None,
        maker: str = "",
        transports: tuple[Transport, ...] = ("tcp", "udp"),
        active: bool = True,
    ) -> None:
        self.name = name
        self.title = title
        self.maker = maker or title
        self.transports = transports
        self.port = port
        self.active = active
        self._decoder = decoder
        self._encoder = encoder
        self._recognises = recognises

    def decoder(self, transport: Transport, device: str = "") -> IDecoder:
        return self._decoder(transport, device)

    def encoder(self, device: str, transport: Transport) -> IEncoder | None:
        return self._encoder(device, transport) if self._encoder else None

    @property
    def guesses(self) -> bool:
        return self._recognises is None and type(self).recognises is Vendor.recognises

    def recognises(self, data: bytes, transport: Transport) -> Verdict:
        return self._recognises(data, transport) if self._recognises else by_decoder(self, data, transport)

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        return StreamFactory(lambda: self.decoder("tcp"), sessions)
