"""How a connection begins at the port of one vendor: what comes before a device has named itself may be another vendor's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from waygps.fix import Message
from waygps.ingest.sniff import MOST_BYTES, Sniffer, verdict
from waygps.ingest.stream import DeviceStream
from waygps.interfaces import Verdict

if TYPE_CHECKING:
    from waygps.ingest.foreign import Foreign


class Opening:
    """The beginning of one connection. The receiver's own vendor has every byte first, and keeps the connection from the first
    message with a device on; what it refuses, or makes nothing of, is shown to the others.

    Once the connection is another vendor's, the bytes are handed on to that one's protocol.
    """

    __slots__ = ("_foreign", "_held", "_is_over", "_sniffer", "_stream", "_successor")

    def __init__(self, foreign: Foreign, stream: DeviceStream) -> None:
        self._foreign = foreign
        self._stream = stream
        self._held = b""
        self._is_over = False
        self._sniffer: Sniffer | None = None
        self._successor: Any = None

    def received(self, data: bytes) -> None:
        """The next bytes of the connection."""
        if self._successor is not None:
            self._successor.dataReceived(data)
            return
        self._held += data
        self._stream.begin(data)
        if not self._is_over and not self._is_others(data) and len(self._held) >= MOST_BYTES:
            self._tell(is_refused=False)

    def noted(self, messages: Iterable[Message]) -> Iterator[Message]:
        """The messages, as they are. The first with a device ends the beginning."""
        for message in messages:
            if message.device:
                self._end()
            yield message

    def refused(self) -> bool:
        """The own vendor's decoder gave up. Whether the connection is in other hands now."""
        if self._foreign.serves and not self._is_own():
            others = Sniffer(self._foreign.others, "tcp")
            others.feed(self._held)
            if others.vendor is not None or others.is_open:
                self._hand_over()
                return True
        self._tell(is_refused=True)
        return False

    def lost(self, reason: Failure) -> bool:
        """The connection is gone. Whether it was in other hands."""
        if self._successor is not None:
            self._successor.connectionLost(reason)
            return True
        self._stream.begin(None)
        if not self._is_over:
            self._tell(is_refused=False)
        return False

    def _is_others(self, data: bytes) -> bool:
        """A decoder that skips what it does not know refuses nothing: where others are served they are asked meanwhile."""
        if not self._foreign.serves:
            return False
        self._sniffer = self._sniffer or Sniffer(self._foreign.vendors, "tcp")
        self._sniffer.feed(data if self._sniffer.held else self._held)
        if self._sniffer.vendor is None or self._sniffer.vendor is self._foreign.own:
            return False
        self._hand_over()
        return True

    def _is_own(self) -> bool:
        return verdict(self._foreign.own, self._held, "tcp") is Verdict.YES

    def _hand_over(self) -> None:
        stream, held, self._held = self._stream, self._held, b""
        assert stream.transport is not None
        stream.leave()
        self._is_over = True
        self._successor = self._foreign.successor(stream.transport.getPeer())
        self._successor.makeConnection(stream.transport)
        self._successor.dataReceived(held)

    def _tell(self, *, is_refused: bool) -> None:
        self._foreign.judge(self._stream.peer, "tcp", self._held, is_refused=is_refused)
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._stream.begun()
