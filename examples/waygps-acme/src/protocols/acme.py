"""ACME trackers: lines of text with a checksum, over TCP and UDP.

Layout: "ACME T1 Protocol". A line is ``!KIND,fields*CS``, ended by CR LF; CS is the exclusive or of what is between ! and *.

    !L,350000000000017*50      login
    !P,350000000000017,241126,073000,A,3436.2233,S,05822.8955,W,24.3,180,9,87,0*15
                               position; knots, degrees, satellites, % of the battery, event
    !H,86*6A                   heartbeat; % of the battery
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from zope.interface import implementer

from waygps import events
from waygps.bits import xor8
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IEncoder, Transport, Verdict
from waygps.readers import choice, clock, course, ddmm, percent, satellites, speed_knots
from waygps.reading import Reading
from waygps.vendor import Sample, Vendor

_LINE = re.compile(rb"!(([LPH]),([ -)+-~]*))\*([0-9A-F]{2})(\r?\n)?")
_EVENTS = {"0": None, "1": events.SOS, "2": events.OVERSPEED, "3": events.POWER_CUT}
_OPTIONAL = (
    ("speed_kmh", speed_knots),
    ("course_deg", course),
    ("satellites", satellites),
    ("battery_pct", percent),
    ("alarm", choice(_EVENTS)),
)


def _checked(line: bytes) -> re.Match[bytes] | None:
    """The parts of a line whose checksum is right."""
    match = _LINE.fullmatch(line)
    return match if match and xor8(match[1]) == int(match[4], 16) else None


class Decoder(FrameDecoder):
    """A message a line; what comes before a ! is skipped."""

    max_buffer = 200
    ends_whole = True  # a datagram may come without CR LF

    def size(self, buffer: bytearray) -> int:
        if buffer[0] != ord("!"):
            start = buffer.find(b"!")
            return -(start if start > 0 else len(buffer))
        return self.until(b"\n")

    def messages(self, frame: bytes) -> Iterable[Message]:
        match = _checked(frame)
        if match is None:
            raise DecodeError("not a line of the protocol, or its checksum is wrong", frame)
        kind, fields = match[2].decode(), match[3].decode().split(",")
        reading, device = Reading(), ""
        if kind == "H":
            reading.put("battery_pct", fields[0], percent)
        else:
            device = fields[0]
        if kind == "P":
            _position(reading, fields[1:])
        yield reading.message(device, reply=f"!{kind}*OK\r\n".encode())


def _position(reading: Reading, fields: list[str]) -> None:
    date, time, valid, lat, north, lon, east, *optional = [*fields, *[""] * 7]
    reading.put("time", date + time, lambda text: clock(text[:6], text[6:]))
    reading.put("valid", valid, choice({"A": True, "V": False}))
    reading.need("lat", lat, lambda text: ddmm(text, choice({"N": "N", "S": "S"})(north)))
    reading.need("lon", lon, lambda text: ddmm(text, choice({"E": "E", "W": "W"})(east)))
    reading.take(_OPTIONAL, optional)


def recognises(data: bytes, transport: Transport) -> Verdict:
    """The first line is one of the protocol, its checksum is right."""
    line, end, _ = data.partition(b"\n")
    if not any(data.startswith(begin[: len(data)]) for begin in (b"!L,", b"!P,", b"!H,")) or len(line) > Decoder.max_buffer:
        return Verdict.NO
    if transport == "tcp" and not end:
        return Verdict.MORE
    return Verdict.YES if _checked(line + end) else Verdict.NO


@implementer(IEncoder)
class Encoder:
    """A simulated device."""

    most_fixes = 1

    def __init__(self, device: str, transport: Transport) -> None:
        self._device = device

    def hello(self) -> bytes:
        return _line(f"L,{self._device}")

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        return b"".join(map(self._position, fixes))

    def _position(self, fix: Fix) -> bytes:
        lat, lon = _ddmm(fix.lat, 2), _ddmm(fix.lon, 3)
        place = f"{lat},{'S' if fix.lat < 0 else 'N'},{lon},{'W' if fix.lon < 0 else 'E'}"
        moved = f"{(fix.speed_kmh or 0) / 1.852:.1f},{fix.course_deg or 0:.0f}"
        when = datetime.fromtimestamp((fix.time or 0) // 1000, UTC).strftime("%d%m%y,%H%M%S")
        return _line(f"P,{self._device},{when},A,{place},{moved},{fix.satellites or ''},{fix.battery_pct or ''},0")


def _line(text: str) -> bytes:
    return f"!{text}*{xor8(text.encode()):02X}\r\n".encode()


def _ddmm(degrees: float, digits: int) -> str:
    minutes = round(abs(degrees) * 60, 4)
    return f"{int(minutes // 60):0{digits}}{minutes % 60:07.4f}"


_POSITION = b"!P,350000000000017,241126,073000,A,3436.2233,S,05822.8955,W,24.3,180,9,87,1*14"
SAMPLES = (
    Sample(data=b"!L,350000000000017*50\r\n", reply=b"!L*OK\r\n"),
    Sample(
        data=_POSITION + b"\r\n",
        fixes=(
            {
                "time": "2026-11-24T07:30:00Z",
                "lat": -34.603721,
                "lon": -58.381591,
                "valid": True,
                "speed_kmh": 45.0036,
                "course_deg": 180,
                "satellites": 9,
                "battery_pct": 87,
                "alarm": events.SOS,
            },
        ),
        reply=b"!P*OK\r\n",
    ),
    Sample(data=b"!H,86*6A\r\n", device="350000000000017", reply=b"!H*OK\r\n"),
    Sample(data=_POSITION, transport="udp", fixes=({"lat": -34.603721, "lon": -58.381591},), reply=b"!P*OK\r\n"),
)
acme = Vendor(
    name="acme",
    title="ACME",
    port=5099,
    models=("ACME T1",),
    checksum=True,
    decoder=Decoder,
    recognises=recognises,
    encoder=Encoder,
    samples=SAMPLES,
)
