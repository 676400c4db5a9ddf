"""GT06: trackers of Concox and Jimi, and the many that speak as they do.

Layouts: Concox's GT06N and JM-VL03 documents; the variants of clones from captures, told apart by the length of the content.
Integers are big endian. A device says once who it is, in the login, so over UDP only a datagram that holds the login too, or
a report with the IMEI in it, is anybody's. What the messages say is in gt06_reports.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime
from struct import Struct

import msgspec
from zope.interface import implementer

from protocols.gt06_reports import GPS, KINDS, LOCATIONS, SCALE, lead_of, read
from waygps import events
from waygps.bits import bcd_digits, crc16_x25
from waygps.encoding import moment
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IEncoder, Transport, Verdict
from waygps.reading import Reading
from waygps.vendor import Sample, Vendor

_short = Struct(">H")
STOP = b"\r\n"
_UNANSWERED = (0x15, 0x21, 0x80, 0x81, 0x82, 0x94, 0x9B)
_ANSWERED_WIDE = (0x32, 0x33, 0x41)
_WIDE_ANSWERED = (0x40, 0x70, 0x8C, 0x95, 0xF1, 0xF2, *LOCATIONS)
_ADDRESS = b"\x0b\0\0\0\0NA&&NA&&0##"
"""The address that is asked for, without one."""
_MORE = (0x01, 0x08, 0x14, 0x18, 0x1F, 0x24, 0x28, 0x2C, 0x2E, 0x35, 0x69, 0x84, 0x8A, 0x8B, 0xA1, 0xFD)
_KNOWN = frozenset((*KINDS, *_UNANSWERED, *_WIDE_ANSWERED, *_ANSWERED_WIDE, *_MORE))
"""Types that devices are known to send."""


def _framed(kind: int, content: bytes, serial: bytes, is_wide: bool = False) -> bytes:
    size = len(content) + 5
    checked = (_short.pack(size) if is_wide else bytes([size])) + bytes([kind]) + content + serial
    return (b"yy" if is_wide else b"xx") + checked + _short.pack(crc16_x25(checked)) + STOP


class _Clock(msgspec.Struct, frozen=True):
    """Says what time it is."""

    serial: bytes

    def __call__(self, now: datetime) -> bytes:
        return _framed(0x8A, bytes((now.year - 2000, now.month, now.day, now.hour, now.minute, now.second)), self.serial)


def _reply(kind: int, serial: bytes, is_wide: bool) -> bytes:
    if kind in (0x1A, 0x2A):
        return _framed(0x97, _ADDRESS, serial, is_wide=True)
    if is_wide and kind in _ANSWERED_WIDE:
        return _framed(kind, b"", serial, is_wide=True)
    return b"" if kind in _UNANSWERED or (is_wide and kind not in _WIDE_ANSWERED) else _framed(kind, b"", serial)


def _imei(raw: bytes) -> str:
    digits = bcd_digits(raw)
    return digits[1:] if digits[0] == "0" else digits


def _zone_ms(raw: int) -> int:
    """Milliseconds east of UTC: hours and minutes as a decimal number, the sign, and the language."""
    hours, minutes = divmod(raw >> 4, 100)
    if hours > 14 or minutes > 59:
        raise ValueError(raw)
    return (hours * 60 + minutes) * (-60_000 if raw & 8 else 60_000)


def _is_sound(frame: bytes | bytearray) -> bool:
    return len(frame) >= 10 and crc16_x25(bytes(frame[2:-4])) == int.from_bytes(frame[-4:-2])


def _is_wifi(frame: bytes | bytearray) -> bool:
    """Of old clones: the number of networks in place of the length, the time in BCD, and no checksum."""
    time = frame[4:10].hex()
    return frame[:1] == b"x" and frame[3] in (0x17, 0x69) and len(frame) >= 12 and time.isdecimal() and "01" <= time[2:4] <= "12"


class Decoder(FrameDecoder):
    """One connection: the login first, then what the device reports."""

    max_buffer = 10_240
    _zone = 0

    def size(self, buffer: bytearray) -> int:
        """By the length; where the frame does not end there, up to the next stop. A wrong checksum: no frame."""
        if skipped := _before_start(buffer):
            return -skipped
        head = 3 + (buffer[0] == 0x79)
        if len(buffer) < head:
            return head
        length = int.from_bytes(buffer[2:head])
        size = head + length + 2
        if length >= 5:
            if size > len(buffer):
                return size
            if buffer[size - 2 : size] == STOP:
                return size if _is_sound(buffer[:size]) else -size
        end = self.until(STOP, start=head)
        return end if end > len(buffer) or _is_sound(buffer[:end]) or _is_wifi(buffer[:end]) else -end

    def messages(self, frame: bytes) -> Iterable[Message]:
        is_wide = frame[0] == 0x79
        kind, content, serial = frame[3 + is_wide], frame[4 + is_wide : -6], frame[-6:-4]
        is_sound = _is_sound(frame)
        if is_sound and kind == 0x01:
            yield self._login(content, _reply(kind, serial, is_wide))
            return
        lead = lead_of(kind, content)
        device = self.device or (_imei(content[lead & 1 :][:8]) if lead >= 8 else "")
        if not device:
            raise DecodeError(f"message {kind:02X} before the login", frame)
        if not is_sound:
            yield Message(device=device, reply=b"xx\0" + frame[3:10] + STOP)
        elif kind == 0x8A:
            yield Message(device=device, timed_reply=_Clock(serial))
        else:
            yield read(kind, lead, content, is_wide, self._zone).message(device, _reply(kind, serial, is_wide))

    def _login(self, content: bytes, reply: bytes) -> Message:
        if len(content) < 8:
            raise DecodeError(f"login of {len(content)} bytes, expected 8 or more", content)
        reading, self._zone = Reading(), 0
        if len(content) >= 12:
            reading.put("zone", int.from_bytes(content[10:12]), _zone_ms)
            self._zone = reading.attributes.get("zone", 0)
        return reading.message(_imei(content[:8]), reply)


def _before_start(buffer: bytearray) -> int:
    """Bytes before the first that may begin a frame."""
    if buffer.startswith((b"xx", b"yy")):  # the rest is not searched at every frame
        return 0
    found = [at for start in (b"xx", b"yy") if (at := buffer.find(start)) >= 0]
    return min(found, default=len(buffer) - (buffer[-1] in b"xy"))


@implementer(IEncoder)
class Encoder:
    """A simulated device: the login, then type 22; over UDP both in each datagram."""

    most_fixes = 1

    def __init__(self, device: str, transport: Transport) -> None:
        self._imei = bytes.fromhex(device.zfill(16))
        self._is_udp = transport == "udp"
        self._serial = 0

    def hello(self) -> bytes:
        return b"" if self._is_udp else self._sent(0x01, self._imei)

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        login = self._sent(0x01, self._imei) if self._is_udp else b""
        return login + b"".join(self._sent(0x22, _packed(fix)) for fix in fixes)

    def _sent(self, kind: int, content: bytes) -> bytes:
        self._serial = self._serial % 0xFFFF + 1
        return _framed(kind, content, _short.pack(self._serial))


def _packed(fix: Fix) -> bytes:
    """The content of type 22, with mileage and without a cell."""
    at = moment(fix)
    stamp = bytes((max(0, at.year - 2000), at.month, at.day, at.hour, at.minute, at.second))
    word = 0x400 * (fix.lat >= 0) | 0x800 * (fix.lon < 0) | 0x1000 * fix.valid | round(fix.course_deg or 0) % 360
    lat, lon = (round(abs(degrees) * SCALE) for degrees in (fix.lat, fix.lon))
    speed, satellites = min(round(fix.speed_kmh or 0), 255), min(fix.satellites or 0, 15)
    tail = struct.pack(">8xBBBI", bool(fix.ignition), 0, 0, round((fix.odometer_km or 0) * 1000))
    return GPS.pack(stamp, 0xC0 | satellites, lat, lon, speed, word) + tail


def recognises(data: bytes, transport: Transport) -> Verdict:
    """The start twice, a known type, and what no text can be; of a login, the IMEI too. Also what other ports' logins lost."""
    if data[:2] not in (b"xx", b"yy"):
        return Verdict.MORE if data in (b"", b"x", b"y") else Verdict.NO
    head = 3 + (data[0] == 0x79)
    if len(data) < head + 2:
        return Verdict.MORE
    kind = data[head]
    if kind not in _KNOWN or all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data[2 : head + 2]):
        return Verdict.NO
    if kind != 0x01:
        return Verdict.YES
    digits = data[head + 1 : head + 9].hex()
    if int.from_bytes(data[2:head]) < 13 or not digits.isdecimal():
        return Verdict.NO
    return Verdict.YES if len(digits) == 16 else Verdict.MORE


# fmt: off
_MODELS = (
    "Concox GT06N", "Concox GT06E", "Concox AT4", "Concox X3", "Concox WeTrack2", "Jimi JM-VL01", "Jimi JM-VL02", "Jimi JM-VL03",
    "Jimi VL103", "Jimi VL110", "Jimi VL512", "Jimi LL301", "Jimi LL303", "Jimi JC400", "Jimi JC261", "Benway", "Wanway S20",
    "SeeWorld S102", "SeeWorld R11", "VXT01", "TRX16", "WD-209",
)
_LOGIN, _WELCOME = "78780d01012345678901234500018cdd0d0a", "787805010001d9dc0d0a"
SAMPLES = (
    *(
        Sample(data=bytes.fromhex(data), device="123456789012345", reply=bytes.fromhex(reply), fixes=(*fixes,))
        for data, reply, *fixes in (
            (_LOGIN, _WELCOME),
            ("78780a134004040001000fdcee0d0a", "78780513000f008f0d0a"),
            ("78781f120b081d112e10cf027ac7eb0c46584900148f01cc00287d001fb8000380810d0a", "787805120003903f0d0a",
             {"time": "2011-08-29T17:46:16Z", "lat": 23.111668, "lon": 114.409285, "course_deg": 143, "satellites": 15}),
            ("787825260f0c1d030b26c9027ac8180c4658600004000901cc00287d001f718004041302000c472a0d0a", "78780526000c8d070d0a",
             {"time": "2015-12-29T03:11:38Z", "alarm": events.TAMPERING, "valid": False, "battery_pct": 66, "gsm": 4}),
        )
    ),
    Sample(
        data=bytes.fromhex(_LOGIN + "787822220f0c1d023305c9027ac8180c46586000140001cc00287d001f71000001000820860d0a"),
        transport="udp", reply=bytes.fromhex(_WELCOME + "787805220008a8420d0a"),
        fixes=({"time": "2015-12-29T02:51:05Z", "speed_kmh": 0, "ignition": False, "satellites": 9, "valid": True},),
    ),
)
# fmt: on

gt06 = Vendor(
    name="gt06",
    checksum=True,
    title="GT06",
    maker="Concox, Jimi and others",
    port=5023,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    active=False,
    models=_MODELS,
    samples=SAMPLES,
)
