"""H02: Sinotrack ST-901 … ST-925 and the many trackers that write ``*HQ,…#``, or binary records that begin with ``$``.

    *HQ,4210051415,V1,164549,A,0956.3869,N,08406.7068,W,000.00,000,221215,FFFFFBFF,712,01,0,0,6#

There is no login and no checksum. The layouts are those of the vendor's document for the ST-901 … ST-907. Of a binary record the
first 32 bytes are read, which have all that is documented; how many follow depends on the model, and nothing in them says it.
"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from waygps import events
from waygps.bits import ddmm_text
from waygps.encoding import LineEncoder, moment
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import Transport, Verdict
from waygps.readers import KNOT_KMH, clock, course, ddmm, percent, printable, satellites, speed_knots, whole
from waygps.reading import Reading
from waygps.vendor import Sample, Vendor

RECORD = 32
"""Bytes of a binary record."""
LONGEST_TAIL = 16
"""Bytes that a model may add to it."""
ODOMETER_KM = 0.51444 / 1000
"""Kilometres of one unit of the odometer."""

ALARMS = {
    1: events.SOS,
    25: events.TOW,
    17: events.VIBRATION,
    0: events.TAMPERING,
    3: events.TAMPERING,
    20: events.POWER_CUT,
    19: events.POWER_CUT,
    28: events.POWER_CUT,
    2: events.OVERSPEED,
    15: events.OVERSPEED,
    4: events.GEOFENCE_ENTER,
    7: events.GEOFENCE_EXIT,
    24: events.TEMPERATURE,
    11: events.LOW_BATTERY,
    12: events.LOW_BATTERY,
    **dict.fromkeys((5, 6, 16, 21, 22), events.FAULT),
}
"""By the bit of the status that is 0 while it lasts, the most urgent first. Bit 18 is reserved, whatever others take it for."""
STATES = {8: "door", 9: "armed", 27: "relay_cut"}
"""The same for what is no alarm; ``relay_cut``: the relay has cut fuel or power."""
BEATS = {"V0", "HTBT"}
CONFIRMED = {"V1", "NBR"}
POSITIONS = {"V1", "V2", "VI1", "V5", "V6", "V8", "V19"}
_STATUS = re.compile(r"[0-9A-Fa-f]{8}")
_DIGITS = re.compile(r"[0-9]{6}")
_HYPHENS = re.compile(r"-?([0-9]{1,3})-([0-9]{1,2}\.[0-9]+)")
_HEAD = re.compile(rb"\*[A-Za-z]{2},")
_REST = (
    r"((?:[01]\d|2[0-3])[0-5]\d[0-5]\d)([0-3]\d(?:0\d|1[0-2])\d\d)"  # time, date
    r"((?:[0-8]\d|90)[0-5]\d{5})([0-9a-f]{2})"  # latitude, battery
    r"((?:0\d|1[0-7])\d[0-5]\d{5}|180[0-5]\d{5})([0-9a-f])"  # longitude, flags
    r"(\d{3})(\d{3})([0-9a-f]{8})"  # speed, course, status
)
_RECORDS = [re.compile(start + _REST, re.ASCII) for start in (r"24(\d{10})", r"24(\d{15})[0-9a-f]", r"58(\d{10})")]
"""In hex; the coordinates and times tell which of them it is."""
_LIKE = ["240000000000", "240000000000000000", "580000000000"]
_LIKE = [start + "00000001010100000000000000000000000000ffffffff" for start in _LIKE]


class Confirmation(Struct, frozen=True):
    """The answer that has the server's time: a value, so that equal messages have equal answers."""

    head: str

    def __call__(self, now: datetime) -> bytes:
        return f"{self.head},{now:%Y%m%d%H%M%S}#".encode()


def _record(frame: bytes | bytearray) -> tuple[re.Match[str] | None, bool]:
    """The fields of a binary record, and whether it is one, or can still become one."""
    text = frame[:RECORD].hex()
    for pattern, like in zip(_RECORDS, _LIKE, strict=True):
        if match := pattern.match(text + like[len(text) :]):
            return match if len(frame) >= RECORD else None, True
    return None, False


def _degrees(text: str, hemisphere: str) -> float:
    """[D]DDMM.MMMM, the same without its dot, or [-]DD-MM.MMMM; the hemisphere has the sign."""
    if match := _HYPHENS.fullmatch(text):
        return ddmm(f"{match[1]}{float(match[2]):09.6f}", hemisphere)
    if text.isdecimal() and len(text) in (8, 9):
        text = f"{text[:-4]}.{text[-4:]}"
    return ddmm(text, hemisphere)


def _status(reading: Reading, text: str) -> None:
    """Negative logic: a bit is 0 while what it stands for lasts."""
    if not _STATUS.fullmatch(text):
        reading.put("status", text, whole(base=16))
        return
    active = ~int(text, 16)
    reading.put("alarm", next((alarm for bit, alarm in ALARMS.items() if active >> bit & 1), None))
    reading.put("ignition", not active >> 10 & 1)
    reading.bits(active, STATES)
    reading.put("status", text.upper())


def _battery(text: str) -> int | None:
    """Steps of 10, then of 20, then percent; other values are reserved."""
    level = int(text, 16)
    if level <= 3:
        return (level - 1) * 10 if level else None
    return (level - 1) * 20 if level <= 6 else level if level <= 100 else None


def _moment(reading: Reading, time: str, date: str) -> None:
    if date.strip("0") and time:
        reading.put("time", f"{date} {time}", lambda raw: clock(*raw.split(" ")))
    elif not date.strip("0"):
        reading.fields["valid"] = False


def _position(reading: Reading, fields: list[str], kind: str) -> None:
    """From the time on. A battery's level may stand in front of the date, the phone and the SIM card's number behind it."""
    time, status, lat, north, lon, east, speed, heading, *rest = [*fields, *[""] * 8]
    valid = status == "A" or status.isdecimal()
    reading.fields["valid"] = valid
    if len(rest) > 1 and _DIGITS.fullmatch(rest[1]) and not _DIGITS.fullmatch(rest[0]):
        reading.put("battery_level", rest.pop(0), whole())
    if valid or lat.strip("0.") or lon.strip("0."):
        reading.need("lat", lat, lambda raw: _degrees(raw, north))
        reading.need("lon", lon, lambda raw: _degrees(raw, east))
    reading.put("speed_kmh", speed.strip(), speed_knots)
    reading.put("course_deg", heading.strip(), course)
    date, *rest = rest
    if kind == "V19":
        reading.take([("", None), ("phone", printable), ("iccid", printable)], rest[:3])
        rest = rest[3:]
    _moment(reading, time, date)
    _status(reading, rest[0] if rest else "")
    _cells(reading, rest[1:], kind)


def _cells(reading: Reading, extra: list[str], kind: str) -> None:
    """Country, network, area and cell in decimal, or in hex; some models have other values there, which stay as they are."""
    values = [text.strip() for text in extra[:4]]
    for base in (10, 16):
        numbers = [_int(text, base) for text in values]
        if len(numbers) == 4 and 200 <= numbers[0] <= 799 and min(numbers) >= 0:
            known = [number or None if at > 1 else number for at, number in enumerate(numbers)]
            reading.take([(name, None) for name in ("mcc", "mnc", "lac", "cell")], known)
            break
    if kind == "V6":
        reading.take([("iccid", printable)], extra[4:5])
    reading.put("extra", ",".join(extra).rstrip(","), printable)


def _int(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        return -1


def _text(fields: list[str], kind: str) -> Reading:
    """What a message of text says: a position wherever two hemispheres stand, otherwise what some kinds have at their end."""
    reading = Reading()
    places = range(2, len(fields) - 2)
    at = next((at for at in places if fields[at] in ("N", "S") and fields[at + 2] in ("E", "W")), 0)
    if at:
        start = max(at - 3, 0)
        if kind == "V4":
            reading.put("result", ",".join(fields[: max(start - 1, 0)]), printable)
        _position(reading, fields[start:] if at > 2 else ["", *fields], kind)
    elif kind in POSITIONS and fields[1:2] not in (["V"], ["B"], [""]):
        reading.unreadable = "there are no coordinates"
    elif kind in ("LINK", "NBR", "V3"):
        if kind == "LINK":
            reading.take([("gsm", whole()), ("satellites", satellites), ("battery_pct", percent)], fields[1:4])
        ends = [text for date, text in pairwise(fields) if _DIGITS.fullmatch(date) and _STATUS.fullmatch(text)]
        _status(reading, ends[-1] if ends else "")
    elif kind == "HTBT":
        reading.take([("battery_pct", percent)], fields)
    return reading


def _binary(match: re.Match[str]) -> Reading:
    reading = Reading()
    _, time, date, lat, level, lon, flags, speed, heading, status = match.groups()
    east, north, valid = (int(flags, 16) >> bit & 1 for bit in (3, 2, 1))
    reading.fields["valid"] = bool(valid)
    if valid or lat.strip("0") or lon.strip("0"):
        reading.need("lat", lat, lambda raw: _degrees(raw, "N" if north else "S"))
        reading.need("lon", lon, lambda raw: _degrees(raw, "E" if east else "W"))
    reading.put("speed_kmh", speed, speed_knots)
    reading.put("course_deg", heading, course)
    reading.put("battery_pct", level, _battery)
    _moment(reading, time, date)
    _status(reading, status)
    return reading


class Decoder(FrameDecoder):
    """Text and binary records on one connection; what does not begin as either is skipped."""

    max_buffer = 1024
    _tail = 0
    """Bytes that may still belong to the binary record before."""

    def size(self, buffer: bytearray) -> int:
        if buffer[0] == 0x2A:
            head = buffer[:4]
            return self.until(b"#") if _HEAD.match(head + b"*HQ,"[len(head) :]) else self._noise(1)
        if buffer[0] in b"$X":
            return RECORD if _record(buffer)[1] else self._noise(1)
        return self._noise(min((at for at in map(buffer.find, (b"*", b"$", b"X")) if at > 0), default=len(buffer)))

    def _noise(self, size: int) -> int:
        tail = min(size, self._tail)
        self._tail -= tail
        return tail or -size

    def messages(self, frame: bytes) -> list[Message]:
        match, _ = _record(frame)
        if match:
            self._tail = LONGEST_TAIL
            return [self._recorded(match)]
        heads = [head.start() for head in _HEAD.finditer(frame)]
        if not heads:  # what follows a record
            return []
        self._tail, last = 0, heads[-1]
        message = self._spoken(frame[last:])
        if last:
            message = replace(message, warnings=(f"{last} bytes of a message that was cut off", *message.warnings))
        return [message]

    def _recorded(self, match: re.Match[str]) -> Message:
        reading = _binary(match)
        if match.string.startswith("24"):
            return reading.message(match[1])
        if not self.device:
            raise DecodeError("a record without an identification, from a device that gave none before", bytes.fromhex(match[0]))
        reading.put("odometer_km", round(int(match[1]) * ODOMETER_KM, 3))
        return reading.message()

    def _spoken(self, frame: bytes) -> Message:
        text = frame.decode("latin-1").removesuffix("#")
        maker, given, kind, *fields = [*text.split(","), "", ""] if text.count(",") < 2 else text.split(",")
        device = given or self.device
        if not re.fullmatch("[0-9]{1,15}", device):
            raise DecodeError("a message without an identification", frame)
        message = _text(fields, kind).message(device)
        head = f"{maker},{device}"
        if kind in BEATS:
            return replace(message, reply=f"{head},{kind}#".encode())
        return replace(message, timed_reply=Confirmation(f"{head},V4,{kind}")) if kind in CONFIRMED else message


class Encoder(LineEncoder):
    """A simulated ST-901: a V1, which is answered, for each position."""

    def line(self, fix: Fix) -> bytes:
        at = moment(fix)
        place = f"{'A' if fix.valid else 'V'},{ddmm_text(fix.lat)},{ddmm_text(fix.lon, 'EW')}"
        motion = f"{(fix.speed_kmh or 0) / KNOT_KMH:06.2f},{fix.course_deg or 0:03.0f}"
        status = "FFFFFBFF" if fix.ignition is False else "FFFFFFFF"
        return f"*HQ,{self.device},V1,{at:%H%M%S},{place},{motion},{at:%d%m%y},{status}#".encode()


_KNOWN = re.compile(rb"\*[A-Za-z]{2},(?:[0-9]{10}|[0-9]{15}|),[A-Z][A-Z0-9]{1,4}[,#]")
_UNDECIDED = re.compile(
    rb"\*(?:[A-Za-z]{0,2}|[A-Za-z]{2},[0-9]{0,15}|[A-Za-z]{2},(?:[0-9]{10}|[0-9]{15}|),(?:[A-Z][A-Z0-9]{0,4})?)"
)


def recognises(data: bytes, transport: Transport) -> Verdict:
    """By the maker's letters, the identification and the type, or by a binary record in which everything can be."""
    begun = data.lstrip(b"\r\n")
    if begun.startswith(b"$"):
        match, can_be = _record(begun)
        return Verdict.YES if match else Verdict.MORE if can_be else Verdict.NO
    if _KNOWN.match(begun):
        return Verdict.YES
    return Verdict.MORE if not begun or _UNDECIDED.fullmatch(begun) else Verdict.NO


SAMPLES = (
    Sample(
        data=b"*HQ,4210051415,V1,164549,A,0956.3869,N,08406.7068,W,000.00,000,221215,FFFFFBFF,712,01,0,0,6#",
        fixes=({"time": "2015-12-22T16:45:49Z", "lat": 9.939782, "lon": -84.11178, "ignition": False},),
    ),
    Sample(
        data=b"*TH,2020916012,V4,S20,DONE,130305,050316,A,2212.8745,N,11346.6574,E,14.28,028,220902,F7FFFBFF#",
        fixes=({"time": "2002-09-22T05:03:16Z", "lat": 22.214575, "lon": 113.777623, "speed_kmh": 26.44656, "course_deg": 28.0},),
        reply=b"",
    ),
    Sample(
        data=b"*HQ,355488020119695,V1,050418,,2827.61232,N,07703.84822,E,0.00,0,031015,FFFEFBFF#",
        fixes=({"time": "2015-10-03T05:04:18Z", "lat": 28.460205, "lon": 77.064137, "valid": False},),
    ),
    Sample(
        data=bytes.fromhex("2441060116601245431311165035313006004318210e000000fffffbffff0024"),
        fixes=({"time": "2016-11-13T12:45:43Z", "lat": 50.58855, "lon": 4.53035, "battery_pct": 100, "ignition": False},),
        reply=b"",
    ),
    Sample(
        data=bytes.fromhex("24410600082621532131081504419390060740418306000000fffffbfdff0015060000002c02dc0c000000001f"),
        fixes=({"time": "2015-08-31T21:53:21Z", "lat": 4.698983, "lon": -74.069717, "alarm": "sos"},),
        reply=b"",
    ),
    Sample(
        data=bytes.fromhex("2435248308419329301047591808172627335900074412294e024138feffffffff01120064ba73005ecc"),
        fixes=({"time": "2017-08-18T10:47:59Z", "lat": 26.455598, "lon": 74.687157, "speed_kmh": 44.448, "course_deg": 138.0},),
        reply=b"",
    ),
    Sample(data=b"*HQ,135790246811220,HTBT,100#", reply=b"*HQ,135790246811220,HTBT#"),
    Sample(data=b"*HQ,1700086468,LINK,180902,15,0,84,0,0,240517,FFFFFBFF#", reply=b""),
)

h02 = Vendor(
    name="h02",
    title="H02 (Sinotrack)",
    maker="Sinotrack",
    port=5013,
    active=False,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    samples=SAMPLES,
    models=(
        *("ST-901", "ST-901M", "ST-902", "ST-904", "ST-905", "ST-906", "ST-906L", "ST-907", "ST-915", "ST-925", "LK-GPS"),
        *("A9", "GT02", "Cantrack G02M", "Cantrack TK100", "Dagps"),
    ),
)
