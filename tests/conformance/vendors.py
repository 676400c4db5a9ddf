"""Vendors for the tests of the suite: the template's, which is right, and such as are wrong in one thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from waygps.bits import xor8
from waygps.cli.templates import text
from waygps.conformance.report import CHECKS, Report, check
from waygps.conformance.subject import Subject
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IVendor, Transport, Verdict
from waygps.vendor import Sample, Vendor

TEMPLATES = Path(str(files("waygps.cli").joinpath("templates")))
LOGIN = b"!L,350000000000017*50\r\n"
POSITION = text.acme.samples[1].data


def line(inner: str) -> bytes:
    """A line of the template's protocol."""
    return f"!{inner}*{xor8(inner.encode()):02X}\r\n".encode()


def vendor(decoder: Any = text.Decoder, **changes: Any) -> Vendor:
    """The template's vendor with these things changed."""
    usual: dict[str, Any] = {
        "name": "acme",
        "title": "ACME",
        "port": 5099,
        "checksum": True,
        "recognises": text.recognises,
        "encoder": text.Encoder,
        "samples": text.SAMPLES,
    }
    return Vendor(**{**usual, "decoder": decoder, **changes})


def report(tried: IVendor, *groups: str, others: Iterable[IVendor] = (), mutations: int = 3000) -> Report:
    """What the suite says of it, or these groups of it."""
    samples = tuple(getattr(tried, "samples", ()))
    subject = Subject(vendor=tried, samples=samples, others=tuple(others), mutations=mutations, is_timed=False)
    return check(subject, groups=groups or CHECKS)


class Raising(text.Decoder):
    """Raises what it must not, on a battery that is no number."""

    def messages(self, frame: bytes) -> Iterable[Message]:
        if frame.startswith(b"!H,"):
            int(frame[3:5])
        return super().messages(frame)


class Splitless(FrameDecoder):
    """Takes each piece for a whole line."""

    def __init__(self, transport: Transport = "tcp", device: str = "") -> None:
        super().__init__(transport, device)
        self._text = text.Decoder(transport, device)

    def feed(self, data: bytes) -> Iterator[Message]:
        yield from self._text.messages(data) if b"*" in data else ()

    def end(self) -> Iterator[Message]:
        return iter(())


class Hoarding(text.Decoder):
    """Holds more than it states, and says so."""

    max_buffer = 100

    def size(self, buffer: bytearray) -> int:
        return super().size(buffer)

    @property
    def held(self) -> int:
        return 2 * super().held


class Hiding(text.Decoder):
    """Keeps everything, and says that it holds nothing."""

    def __init__(self, transport: Transport = "tcp", device: str = "") -> None:
        super().__init__(transport, device)
        self._hidden: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Message]:
        self._hidden.append(bytes(bytearray(data)))
        return super().feed(data)


class Quadratic(text.Decoder):
    """Looks at every byte that it holds, at every byte that comes."""

    max_buffer = 16_384

    def size(self, buffer: bytearray) -> int:
        for at, byte in enumerate(buffer):
            if byte == 10:
                return at + 1
        return len(buffer) + 1


class Endless(text.Decoder):
    """Never comes back from a heartbeat of 00."""

    def messages(self, frame: bytes) -> Iterable[Message]:
        while frame.startswith(b"!H,00"):
            pass
        return super().messages(frame)


class Unsealed(text.Decoder):
    """Does not look at the checksum."""

    def messages(self, frame: bytes) -> Iterable[Message]:
        inner = frame[1:].rpartition(b"*")[0]
        return super().messages(b"!" + inner + b"*%02X\r\n" % xor8(inner))


class Inventing(text.Decoder):
    """Gives a position at 0, 0 for bytes before a message."""

    def feed(self, data: bytes) -> Iterator[Message]:
        if data[:1] not in b"!":
            yield Message(device="1", fixes=(Fix(time=None, lat=0.0, lon=0.0),))
        yield from super().feed(data)


class Unwritable(text.Decoder):
    """Puts what is no JSON among the attributes."""

    def messages(self, frame: bytes) -> Iterable[Message]:
        for message in super().messages(frame):
            yield Message(device=message.device, fixes=tuple(self._broken(fix) for fix in message.fixes), reply=message.reply)

    def _broken(self, fix: Fix) -> Fix:
        return Fix(time=fix.time, lat=fix.lat, lon=fix.lon, attributes={"text": "\ud800"})


def greedy(data: bytes, transport: Transport) -> Verdict:
    """Takes every text for its own."""
    return Verdict.YES if data[:1] == b"!" or data[:1].isalpha() else Verdict.NO


def wavering(data: bytes, transport: Transport) -> Verdict:
    """Says no, and then yes."""
    return Verdict.YES if data.endswith(b"\n") else Verdict.NO


def raising(data: bytes, transport: Transport) -> Verdict:
    """Does not stand a short message."""
    return Verdict.YES if data[3] == 44 else Verdict.NO


WRONG_SAMPLE = Sample(data=POSITION, fixes=({"lat": 1.0, "speed_kmh": 45.0036, "height": 3},), reply=b"no")
