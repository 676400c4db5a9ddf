"""What most decoders are: bytes cut into frames, and frames read. A vendor says where a frame ends, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec.structs import replace
from zope.interface import implementer

from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.interfaces import IDecoder, Transport

MAX_GARBAGE = 65536
"""Bytes in a row that may be no frame before the connection is given up."""
_NOWHERE: tuple[tuple[object, ...], int, int] = ((), 0, 0)
"""Delimiters, and the part of the buffer, from and to, in which none of them begins."""


@implementer(IDecoder)
class FrameDecoder:
    """The buffer, the cutting and the bounds. A vendor's Decoder overrides ``size`` and ``messages``, and nothing else.

    ``device`` is who the connection is, once a message said so: it is filled in where later ones do not name it.
    ``messages`` may leave out ``raw`` too: it is the frame.
    """

    max_buffer = 4096
    """The longest frame, in bytes."""
    ends_whole: ClassVar[bool] = False
    """Whether what is left at the end of a connection or datagram is a frame: text that lost its last delimiter."""
    ends_datagram: ClassVar[bool] = False
    """The same for datagrams only: what a broken connection leaves may be cut within a number."""
    resyncs: ClassVar[bool] = True
    """Whether a frame that is longer than ``max_buffer`` is skipped; otherwise it ends the connection."""

    def __init__(self, transport: Transport = "tcp", device: str = "") -> None:
        self.transport = transport
        self.device = device
        self._buffer = bytearray()
        self._needed = 1
        self._searched = _NOWHERE
        self._garbage = 0
        self._notes: dict[str, int] = {}

    def size(self, buffer: bytearray) -> int:
        """Bytes of the frame that ``buffer`` begins with; it is never empty.

        More than there are: asked again when that many are there. Less than 0: so many bytes are no frame, and are skipped.
        Raises DecodeError where nothing after these bytes can be trusted.
        """
        raise NotImplementedError

    def messages(self, frame: bytes) -> Iterable[Message]:
        """What a whole frame says. Raises DecodeError where it cannot be the protocol's."""
        raise NotImplementedError

    @property
    def held(self) -> int:
        """Bytes held back now."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Give the messages that ``data`` completes, in order."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= self._needed:
            size = self.size(buffer)
            if size == 0:
                raise DecodeError("the decoder found a frame of no bytes, which is its fault", buffer)
            if size < 0:
                self._skip(min(-size, len(buffer)))
            elif size > self.max_buffer:
                # Whether all of it is there already or not: what comes out does not depend on how it was split.
                self._skip_of_oversized()
            elif size <= len(buffer):
                frame = self._cut(size)
                for message in self.messages(frame):
                    yield self._completed(message, frame)
            else:
                self._needed = size

    def end(self) -> Iterator[Message]:
        """Give the frame that lost its delimiter, where the protocol has such."""
        ends_whole = self.ends_whole or (self.ends_datagram and self.transport == "udp")
        if ends_whole and self._buffer:
            frame = self._cut(len(self._buffer))
            for message in self.messages(frame):
                yield self._completed(message, frame)
        self._buffer.clear()

    def until(self, *ends: bytes, start: int = 0) -> int:
        """Size of the frame up to the first of these delimiters, it included; bytes before ``start`` are not looked at.

        Without one: a byte more than there are. What was searched once is not searched again. Of two delimiters that begin at one
        place the shorter counts, since the longer may not be there yet: with a CR and CR LF, the LF begins the next frame.
        """
        buffer = self._buffer
        searched, first, last = self._searched
        if ends != searched or not first <= start <= last:
            first = last = start
        found = [(at, len(end)) for end in ends if (at := buffer.find(end, last)) >= 0]
        at, length = min(found, default=(len(buffer) + 1, 0))
        # Kept where one was found too: of a frame that is too long byte after byte is skipped, and each time it is asked again.
        self._searched = ends, first, at if found else max(last, len(buffer) - max(map(len, ends)) + 1)
        return at + length

    def note(self, what: str, number: int = 1) -> None:
        """Say with the next message that so many of these were lost before it."""
        self._notes[what] = self._notes.get(what, 0) + number

    def search(self, pattern: re.Pattern[bytes], start: int, stop: int, longest: int) -> re.Match[bytes] | None:
        """The first match of this pattern between ``start`` and ``stop``; ``longest``: bytes that a match has at most.

        What was searched once is not searched again.
        """
        searched, first, last = self._searched
        if searched != (pattern,) or not first <= start <= last:
            first = last = start
        found = pattern.search(self._buffer, last, stop)
        self._searched = (pattern,), first, found.start() if found else max(last, min(len(self._buffer), stop) - longest + 1)
        return found

    def _cut(self, size: int) -> bytes:
        frame = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._needed, self._searched, self._garbage = 1, _NOWHERE, 0
        return frame

    def _completed(self, message: Message, frame: bytes) -> Message:
        """Fill in what the connection knows, and say what was skipped before."""
        device = message.device or self.device
        if (message.fixes or message.unreadable) and not device:
            raise DecodeError("a report before the device said which one it is", frame)
        self.device = device
        warnings = message.warnings
        if self._notes:
            warnings = (*(f"{number} {what}" for what, number in self._notes.items()), *warnings)
            self._notes.clear()
        return replace(message, device=device, raw=message.raw or frame, warnings=warnings)

    def _skip_of_oversized(self) -> None:
        if not self.resyncs:
            raise DecodeError(f"a frame of more than {self.max_buffer} bytes", self._buffer)
        self._skip(1)

    def _skip(self, size: int) -> None:
        """Drop what is no frame; the ends of lines are no garbage."""
        dropped = bytes(self._buffer[:size])
        del self._buffer[:size]
        ends, first, last = self._searched
        self._needed, self._searched = 1, (ends, max(0, first - size), max(0, last - size))
        number = len(dropped.translate(None, b"\r\n\0"))
        self._garbage += number
        if number:
            self.note("bytes that are no message", number)
        if self._garbage > MAX_GARBAGE:
            raise DecodeError(f"more than {MAX_GARBAGE} bytes without a message", dropped)
