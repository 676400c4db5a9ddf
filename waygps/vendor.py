"""The usual vendor: a record that names a decoder, and gets everything else from WayGPS."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IProtocolFactory
from twisted.plugin import IPlugin
from zope.interface import implementer

from waygps.ingest.stream import StreamFactory
from waygps.interfaces import IDecoder, IEncoder, ISessionFactory, IVendor, Transport


@implementer(IPlugin, IVendor)
class Vendor:
    """A vendor whose devices are served by a decoder; keyword arguments are the attributes of IVendor.

    ``decoder(transport, device)`` makes an IDecoder; ``encoder(device, transport)`` an IEncoder, for the simulator.
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

    def decoder(self, transport: Transport, device: str = "") -> IDecoder:
        return self._decoder(transport, device)

    def encoder(self, device: str, transport: Transport) -> IEncoder | None:
        return self._encoder(device, transport) if self._encoder else None

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        return StreamFactory(lambda: self.decoder("tcp"), sessions)
