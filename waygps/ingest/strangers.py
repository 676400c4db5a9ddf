"""Bytes that are nobody's: said in the log, and handed to whoever keeps or counts them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from twisted.logger import Logger

from waygps.ingest.likeness import scores
from waygps.ingest.sessions import Said
from waygps.ingest.sniff import MOST_BYTES, Sniffer
from waygps.interfaces import IVendor, Transport

Listener = Callable[[str, str, Transport, bytes, Mapping[str, float]], None]
"""Called with the receiver's name, the peer (HOST:PORT), the transport, what came first (at most 8 KiB), and the likeliest
vendors with their scores (waygps.ingest.likeness)."""


class Strangers:
    """Who sent to the receiver of this name what no vendor recognises. The log says it of each host once, until many others came
    between; the listeners are told of each.
    """

    _log = Logger()

    def __init__(self, receiver: str = "", listeners: Iterable[Listener] = ()) -> None:
        self._receiver = receiver
        self._listeners = tuple(listeners)
        self._said = Said()

    def tell(self, peer: str, sniffer: Sniffer) -> None:
        """``peer`` (HOST:PORT) is not served."""
        if not sniffer.held:
            return
        if self._said.is_news(peer.rpartition(":")[0]):
            reason = f"may be of {' or '.join(sniffer.names)}" if sniffer.names else "no vendor recognises"
            self._log.warn("{peer} sent what {reason}: {data}", peer=peer, reason=reason, data=sniffer.held[:64].hex())
        self.pass_on(peer, sniffer.transport, sniffer.held, sniffer.vendors)

    def pass_on(self, peer: str, transport: Transport, data: bytes, vendors: Iterable[IVendor]) -> None:
        """Tell the listeners of what the log has already."""
        if not self._listeners:
            return
        likeliest = scores(data, vendors, transport)
        for listener in self._listeners:
            try:
                listener(self._receiver, peer, transport, data[:MOST_BYTES], likeliest)
            except Exception:  # one listener's fault is not the next one's, nor the connection's
                self._log.failure("{listener} failed on what {peer} sent", listener=listener, peer=peer)
