"""ACME trackers: binary frames with a checksum, over TCP.

Layout: "ACME B7 Protocol". Integers are big endian.

    AA 55 | type 1 byte | length of the body 2 | serial number 2 | body | CRC-16/X-25 of type to body 2

    type 1   login       IMEI, 16 digits BCD with a leading 0; the answer's body is the time, seconds since 1970
    type 2   position    seconds since 1970 4, latitude and longitude in 1e-7 degrees 4 + 4, speed km/h 1, course 2, satellites 1,
                         flags 1 (bit 0 valid, 1 ignition), elements of tag 1, length 1, value
    type 3   heartbeat   battery % 1, signal 1

The answer to each has its type with the highest bit set, and its serial number.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from struct import Struct

from zope.interface import implementer

from waygps import events
from waygps.bits import bcd_digits, crc16_x25
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IEncoder, Transport, Verdict
from waygps.readers import choice, course, number, percent, printable, satellites
from waygps.reading import Reader, Reading, tlv
from waygps.vendor import Sample, Vendor

START = b"\xaa\x55"
LOGIN, POSITION, HEARTBEAT = 1, 2, 3
_HEAD = Struct(">2sBHH")
_POSITION = Struct(">IiiBHBB")
_ELEMENT = Struct(">BB")
_SEAL = Struct(">H")


def _unsigned(read: Reader) -> Reader:
    return lambda value: read(int.from_bytes(value))


_EVENTS = {0: None, 1: events.SOS, 2: events.OVERSPEED, 3: events.POWER_CUT, 4: events.TOW}
_ELEMENTS: dict[int, tuple[str, Reader]] = {
    1: ("power_v", _unsigned(number(0, 65.535, 0.001))),
    2: ("battery_pct", _unsigned(percent)),
    3: ("alarm", _unsigned(choice(_EVENTS))),
    4: ("odometer_km", _unsigned(number(scale=0.001))),
    5: ("driver", printable),
    6: ("rpm", _unsigned(number(0, 20_000))),
}
"""Name and reader of each element; what is not here is kept as ``element<TAG>``, in hex."""


class Decoder(FrameDecoder):
    """A message a frame; after a wrong checksum nothing can be trusted."""

    max_buffer = 1024

    def size(self, buffer: bytearray) -> int:
        if not START.startswith(buffer[:2]):
            start = buffer.find(START[:1], 1)
            return -(start if start > 0 else len(buffer))
        if len(buffer) < _HEAD.size:
            return _HEAD.size
        return _HEAD.size + int(_HEAD.unpack_from(buffer)[2]) + _SEAL.size

    def messages(self, frame: bytes) -> Iterable[Message]:
        if not _is_sealed(frame):
            raise DecodeError("the CRC is wrong", frame)
        _, kind, _, serial = _HEAD.unpack_from(frame)
        body = frame[_HEAD.size : -_SEAL.size]
        reading, device, reply = Reading(), "", _frame(kind | 0x80, serial)
        if kind == LOGIN:
            yield Message(device=_imei(body), timed_reply=partial(_welcome, serial))
            return
        if kind == POSITION:
            _position(reading, body)
        elif kind == HEARTBEAT:
            reading.take((("battery_pct", percent), ("gsm", None)), body)
        else:
            reading.warnings.append(f"message of type {kind}, which is not known")
        yield reading.message(device, reply)


def _imei(body: bytes) -> str:
    if len(body) != 8:
        raise DecodeError(f"an IMEI of {len(body)} bytes, expected 8", body)
    return bcd_digits(body)[1:]


def _welcome(serial: int, now: datetime) -> bytes:
    return _frame(LOGIN | 0x80, serial, int(now.timestamp()).to_bytes(4))


def _position(reading: Reading, body: bytes) -> None:
    if len(body) < _POSITION.size:
        reading.unreadable = f"a position of {len(body)} bytes, expected at least {_POSITION.size}"
        return
    seconds, lat, lon, speed, degrees, used, flags = _POSITION.unpack_from(body)
    reading.put("time", seconds * 1000 or None)
    reading.put("lat", lat / 1e7)
    reading.put("lon", lon / 1e7)
    reading.put("speed_kmh", float(speed))
    reading.put("course_deg", degrees, course)
    reading.put("satellites", used, satellites)
    reading.bits(flags, {0: "valid", 1: "ignition"})
    for tag, value in tlv(body[_POSITION.size :], _ELEMENT, reading):
        reading.put(*_element(tag, value))


def _element(tag: int, value: bytes) -> tuple[str, bytes, Reader]:
    name, read = _ELEMENTS.get(tag, (f"element{tag}", bytes.hex))
    return name, value, read


def _is_sealed(frame: bytes) -> bool:
    return _SEAL.pack(crc16_x25(frame[2 : -_SEAL.size])) == frame[-_SEAL.size :]


def _frame(kind: int, serial: int, body: bytes = b"") -> bytes:
    frame = _HEAD.pack(START, kind, len(body), serial) + body
    return frame + _SEAL.pack(crc16_x25(frame[2:]))


def recognises(data: bytes, transport: Transport) -> Verdict:
    """The first frame is whole, of a type that there is, and its CRC is right."""
    if not START.startswith(data[:2]) or (len(data) > 2 and data[2] not in (LOGIN, POSITION, HEARTBEAT)):
        return Verdict.NO
    if len(data) < _HEAD.size:
        return Verdict.MORE
    size = _HEAD.size + int(_HEAD.unpack_from(data)[2]) + _SEAL.size
    if size > Decoder.max_buffer:
        return Verdict.NO
    if len(data) < size:
        return Verdict.MORE
    return Verdict.YES if _is_sealed(data[:size]) else Verdict.NO


@implementer(IEncoder)
class Encoder:
    """A simulated device."""

    most_fixes = 1

    def __init__(self, device: str, transport: Transport) -> None:
        self._device = device
        self._serial = 0

    def hello(self) -> bytes:
        return self._next(LOGIN, bytes.fromhex(self._device.zfill(16)))

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        return b"".join(self._next(POSITION, _written(fix)) for fix in fixes)

    def _next(self, kind: int, body: bytes) -> bytes:
        self._serial = (self._serial + 1) & 0xFFFF
        return _frame(kind, self._serial, body)


def _written(fix: Fix) -> bytes:
    place = (round(fix.lat * 1e7), round(fix.lon * 1e7))
    speed, degrees = min(255, round(fix.speed_kmh or 0)), round(fix.course_deg or 0) % 360
    head = _POSITION.pack((fix.time or 0) // 1000, *place, speed, degrees, fix.satellites or 0, 1 + 2 * bool(fix.ignition))
    return head + bytes((2, 1, fix.battery_pct)) if fix.battery_pct is not None else head


SAMPLES = (
    Sample(data=bytes.fromhex("aa5501000800010350000000000017a730")),
    Sample(
        data=bytes.fromhex(
            "aa5502002b00026b053cf8eb5fe41cdd33ad102d00b40903010230d402015703010104040012d6870504455641316302beefb049"
        ),
        device="350000000000017",
        fixes=(
            {
                "time": "2026-11-24T07:30:00Z",
                "lat": -34.603722,
                "lon": -58.381592,
                "valid": True,
                "speed_kmh": 45,
                "course_deg": 180,
                "satellites": 9,
                "ignition": True,
                "power_v": 12.5,
                "battery_pct": 87,
                "alarm": events.SOS,
                "odometer_km": 1234.567,
                "driver": "EVA1",
                "attributes": {"element99": "beef"},
            },
        ),
        reply=bytes.fromhex("aa55820000000270b8"),
    ),
    Sample(data=bytes.fromhex("aa55030002000356151df9"), device="350000000000017", reply=bytes.fromhex("aa5583000000036a75")),
)
acme_b7 = Vendor(
    name="acme_b7",
    title="ACME B7",
    port=5098,
    transports=("tcp",),
    models=("ACME B7",),
    checksum=True,
    decoder=Decoder,
    recognises=recognises,
    encoder=Encoder,
    samples=SAMPLES,
)
