"""JT/T 808 of 2013 and 2019: Chinese terminals, video recorders, locks and trackers (Huabao, AOVX, Jimi, BSJ and others).

Layouts: the standard's tables. Integers are big endian. Every message names its device. What reports say is read in
jt808_reports.py.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any

import msgspec
from zope.interface import implementer

from protocols.jt808_reports import CHARGE, POSITION, ZONE_MS, Report
from waygps.bits import xor8
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IEncoder, Transport, Verdict
from waygps.reading import Reading, message
from waygps.vendor import Sample, Vendor

_short, _pair = Struct(">H"), Struct(">HH")
_OK, _FAILED, _NO_TERMINAL = 0, 1, 4
_ANSWERS, _REPORTS, _TIME_REQUESTS = (0x0001, 0x0104, 0x0201), (0x0200, 0x0201, 0x0210, 0x0704), (0x0004, 0x0109)
_ESCAPED = re.compile(rb"\x7d([^\x01\x02]|$)", re.DOTALL)


def _announced(frame: bytes | bytearray) -> int:
    """Bytes of an unescaped frame that begins so, by its head."""
    kind, attributes = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    head = 11 if kind >> 8 == 0x55 else 12 + 5 * (attributes >> 14 & 1) + 4 * (attributes >> 13 & 1)
    return 1 + head + (attributes & 0x3FF) + 2


def _plain(frame: bytes) -> bytes:
    """What is between the delimiters, unescaped; empty where it is no frame.

    Some do not escape: what cannot have been is taken as it is, if it is as long as it says.
    """
    inner = frame[frame[:1] == b"\x7e" : -1]
    if b"\x7e" in inner or (b"\x7d" in inner and _ESCAPED.search(inner)):
        inner = inner if _announced(frame) == len(frame) else b""
    elif b"\x7d" in inner:
        inner = inner.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
    return inner if len(inner) >= 12 and xor8(inner) == 0 else b""


def _escaped(plain: bytes) -> bytes:
    plain += bytes([xor8(plain)])
    return b"\x7e" + plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"


def _device(raw: bytes) -> str:
    """BCD without the zeros before it; where it is none, an IMEI without its check digit."""
    digits = raw.hex()
    if not digits.isdecimal():
        digits = str(int(digits, 16))
        doubled = (int(digit) * (2 - (at & 1)) for at, digit in enumerate(reversed(digits)))
        digits += str(-sum(value - 9 * (value > 9) for value in doubled) % 10)
    return digits.lstrip("0") or "0"


class _Head(msgspec.Struct, frozen=True):
    """Who sent a message, and as which one; an answer has the same kind of head."""

    kind: int
    attributes: int
    id: bytes
    """With the version before it, where there is one."""
    serial: int
    own: int
    """The serial number of the server's answer."""

    def answer(self, kind: int, layout: str, *values: Any) -> bytes:
        body = struct.pack(layout, *values)
        head = _pair.pack(kind, self.attributes & 0x4000 | len(body))
        return _escaped(head + self.id + _short.pack(self.own) + body)

    def result(self, result: int) -> bytes:
        return self.answer(0x8001, ">HHB", self.serial, self.kind, result)

    def __call__(self, now: datetime) -> bytes:
        """Answer what time it is, in the form of the request."""
        if self.kind == 0x0109:
            return self.answer(0x8109, ">H6B", now.year, *now.timetuple()[1:6], _OK)
        return self.answer(0x8004, "6s", bytes.fromhex(f"{now:%y%m%d%H%M%S}"))


class Decoder(FrameDecoder):
    """One connection or datagram. Parts of a report are put together, and answered when all of it is there."""

    max_buffer = 8192
    most_parts = 64

    def __init__(self, transport: Transport = "tcp", device: str = "") -> None:
        super().__init__(transport, device)
        self._serial, self._whole = 0, (0, 0)
        self._parts: dict[int, tuple[bytes, bytes]] = {}

    def size(self, buffer: bytearray) -> int:
        """From delimiter to delimiter; two frames may share one. What is no frame is skipped, the delimiter behind it is not."""
        if buffer[0] == 0x7E and buffer[1:2] == b"\x7e":
            return -1
        end = self.until(b"\x7e", start=int(buffer[0] == 0x7E))
        if end > len(buffer) or _plain(bytes(buffer[:end])):
            return end
        # Some do not escape: the length says whether the frame may go on behind this delimiter.
        whole = _announced(buffer)
        if buffer[0] == 0x7E and whole > end and buffer[end : end + 1] != b"\x7e":
            if whole > len(buffer):
                return whole if len(buffer) > end else end + 1
            if buffer[whole - 1] == 0x7E and _plain(bytes(buffer[:whole])):
                return whole
        return 1 - end or -1

    def messages(self, frame: bytes) -> Iterable[Message]:
        plain = _plain(frame)
        kind, attributes = _pair.unpack_from(plain)
        if kind >> 8 == 0x55:
            return (_maker(kind, attributes, plain),)
        start = 17 if attributes & 0x4000 else 12
        if len(plain) <= start:
            raise DecodeError(f"a message of {len(plain)} bytes, expected more than {start}", frame)
        self._serial = self._serial % 0xFFFF + 1
        head = _Head(kind, attributes, plain[4 : start - 2], int.from_bytes(plain[start - 2 : start]), self._serial)
        return (self._message(head, plain[start:-1]),)

    def _message(self, head: _Head, body: bytes) -> Message:
        device, reply = _device(head.id[head.attributes >> 14 & 1 :]), b"" if head.kind in _ANSWERS else head.result(_OK)
        refusal = head.result(_FAILED)
        if head.kind == 0x0100:
            reply = head.answer(0x8100, f">HB{len(device)}s", head.serial, _OK, device.encode())
            refusal = head.answer(0x8100, ">HB", head.serial, _NO_TERMINAL)
        if head.kind in _TIME_REQUESTS:
            return Message(device=device, timed_reply=head, refusal=refusal)
        if head.attributes & 0x2000 and head.kind in _REPORTS:
            body, reply = self._joined(head, body[:4], body[4:], reply)
        return (
            message(_reports(head, body), device, reply, refusal)
            if body
            else Message(device=device, reply=reply, refusal=refusal)
        )

    def _joined(self, head: _Head, place: bytes, body: bytes, reply: bytes) -> tuple[bytes, bytes]:
        """The whole of which this is a part, and the answers to all of them; nothing while parts are missing."""
        total, number = _pair.unpack(place.ljust(4, b"\0"))
        if (head.kind, total) != self._whole:
            self._whole, self._parts = (head.kind, total), {}
        if 1 <= number <= total <= self.most_parts:
            self._parts[number] = body, reply
        if not total or len(self._parts) < total:
            return b"", b""
        bodies, replies = zip(*(self._parts[at] for at in sorted(self._parts)), strict=True)
        self._parts = {}
        return b"".join(bodies), b"".join(replies)


def _maker(kind: int, attributes: int, plain: bytes) -> Message:
    """The types whose head has a serial number of one byte."""
    report = Report()
    if kind == 0x5501:
        _read(report, report.maker, plain[11:-1])
    answer = _pair.pack(0x4401, 3) + plain[4:10] + b"\1" + _short.pack(kind)
    replies = [_escaped(answer + bytes([result])) if attributes >> 15 else b"" for result in (_OK, _FAILED)]
    return report.message(_device(plain[4:10]), *replies)


def _read(report: Reading, read: Callable[..., None], *arguments: Any) -> None:
    try:
        read(*arguments)
    except (struct.error, IndexError):
        report.unreadable = "the position is cut off"


def _reports(head: _Head, body: bytes) -> Iterator[Reading]:
    """What is in a message. Where a position of a batch is cut off, what there is of it is the last."""
    report = Report()
    if head.attributes & 0x1C00 and head.kind in _REPORTS:
        report.unreadable = "the message is encrypted"
    elif head.kind in (0x0200, 0x0201):
        _read(report, report.location, body[2 * (head.kind == 0x0201) :], head.attributes & 0x4000)
    elif head.kind == 0x0002:
        report.unpack((*CHARGE, (1, "gsm", None))[: len(body)], body)
    elif head.kind in _REPORTS:
        yield from _batch(head, body)
        return
    yield report


def _batch(head: _Head, body: bytes) -> Iterator[Reading]:
    at, width = (3, 2) if head.kind == 0x0704 else (0, 1)
    while at < len(body):
        report, end = Report(), at + width + int.from_bytes(body[at : at + width])
        _read(report, report.location, body[at + width : end], head.attributes & 0x4000)
        if head.kind == 0x0704 and body[2]:
            report.attributes["buffered"] = True
        yield report
        at = end


@implementer(IEncoder)
class Encoder:
    """A simulated device of 2019: it proves who it is, then reports one position, or several in a batch."""

    most_fixes = 10

    def __init__(self, device: str, transport: Transport) -> None:
        self._id = b"\1" + bytes.fromhex(device.zfill(20))
        self._is_udp = transport == "udp"
        self._code = device.encode()
        self._serial = 0

    def hello(self) -> bytes:
        return b"" if self._is_udp else self._sent(0x0102, bytes([len(self._code)]) + self._code + bytes(35))

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        bodies = [_packed(fix) for fix in fixes]
        if len(bodies) == 1:
            return self._sent(0x0200, bodies[0])
        items = b"".join(_short.pack(len(body)) + body for body in bodies)
        return self._sent(0x0704, struct.pack(">HB", len(bodies), 0) + items)

    def _sent(self, kind: int, body: bytes) -> bytes:
        self._serial = self._serial % 0xFFFF + 1
        return _escaped(_pair.pack(kind, 0x4000 | len(body)) + self._id + _short.pack(self._serial) + body)


def _packed(fix: Fix) -> bytes:
    at = datetime.fromtimestamp((fix.time or 0) / 1000, UTC) + timedelta(milliseconds=ZONE_MS)
    status = bool(fix.ignition) | 2 * fix.valid | 4 * (fix.lat < 0) | 8 * (fix.lon < 0)
    lat, lon = (round(abs(degrees) * 1_000_000) for degrees in (fix.lat, fix.lon))
    motion = round(fix.altitude_m or 0), round((fix.speed_kmh or 0) * 10), round(fix.course_deg or 0) % 360
    place = POSITION.pack(0, status, lat, lon, *motion, bytes.fromhex(f"{at:%y%m%d%H%M%S}"))
    tenths = round((fix.odometer_km or 0) * 10)
    return place + struct.pack(">BBIBBBBBB", 1, 4, tenths, 0x30, 1, fix.gsm or 0, 0x31, 1, fix.satellites or 0)


# fmt: off
_KNOWN = frozenset((
    *range(0x0001, 0x0006), 0x0100, 0x0102, 0x0104, 0x0107, 0x0108, 0x0109, 0x0200, 0x0201, 0x0210, *range(0x0301, 0x0304),
    0x0500, *range(0x0700, 0x0706), *range(0x0800, 0x0806), 0x0900, 0x0901, 0x0A00, 0x1003, 0x1005, 0x1007, 0x1205, 0x1206,
    0x1300, 0x2070, 0x5501, 0x5502, 0x6006,
))
# fmt: on


def recognises(data: bytes, transport: Transport) -> Verdict:
    """The delimiter, a type that devices send, and its attributes: not encrypted, and no text."""
    if data[:1] != b"\x7e":
        return Verdict.NO if data else Verdict.MORE
    head = data[1:].replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")[:5]
    if len(head) < 5:
        return Verdict.NO if b"\x7e" in data[1:] else Verdict.MORE
    kind, attributes = _pair.unpack_from(head)
    is_plain = kind >> 8 == 0x55 or not attributes & 0x9C00
    return Verdict.YES if kind in _KNOWN and is_plain and min(head[:4]) < 0x20 else Verdict.NO


# fmt: off
_MODELS = (
    "Huabao JT701", "Huabao JT705", "Huabao JT709", "AOVX GL100", "AOVX AL300", "Jimi JC181", "Jimi JC371", "Jimi JC450",
    "Jimi VL300", "BSJ KM-03", "C5", "Jointech",
)
_SAMPLES = tuple(
    Sample(device=device, data=bytes.fromhex(data), reply=bytes.fromhex(reply) if reply else None, fixes=(*fixes,))
    for device, data, reply, *fixes in (
        ("1001", "7e010000300000000010010001001f006e63643132337777772e3830382e636f6d0000000000000000003736353433323101"
         "b2e2413132333435363738697e", "7e81000007000000001001000100010031303031977e"),
        ("9590001944", "7e0200005300959000194400080000000000000003015da64806ccb4a8001100000000230816"
         "014137010400005b3f30011f310112"
         "eb29000c00b28986049910219020787400060089ffffffff000600c5ffffffef0004002d0f4e000300a84ce07e", "",
         {"time": "2023-08-15T17:41:37Z", "lat": 22.914632, "lon": 114.078888, "odometer_km": 2335.9, "battery_pct": 76}),
        ("17028775424", "7e0200002f017028775424038d000000000000000a0189dbeb04ca653a0000001201472304070007440104000000003001"
         "1b31010ee1012dea020001dc7e", "", {"lat": 25.811947, "lon": -80.37305, "speed_kmh": 1.8, "course_deg": 327}),
        ("866496077582164", "7e0704402d0100000866496077582164881d0001000028000000000000000701a00192091f2a470016000000022605"
         "0916422701040000258230010031010e507e",
         "7e8001400501000008664960775821640001881d0704007f7e", {"lat": -27.263378, "lon": 153.037383}),
    )
)
# fmt: on

jt808 = Vendor(
    name="jt808",
    checksum=True,
    title="JT/T 808",
    maker="Huabao, AOVX, Jimi and others",
    port=5015,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    active=False,
    models=_MODELS,
    samples=_SAMPLES,
)
