"""Generic devices: one line of text a fix, as ``KEY: value`` pairs or as a JSON object. For gateways, scripts and first tries.

    IMEI: 123456789, LAT: -34.603722, LON: -58.381592, SPD: 45, HDG: 180
    {"imei": "123456789", "lat": -34.603722, "lon": -58.381592, "time": "2026-11-24T07:30:00Z"}

Keys in any order and case; IMEI, LAT and LON are needed, FIELDS has the others, and what it has not is kept as an attribute. A
line is answered ``OK`` once it is stored, or ``ERROR reason``. A line without TIME gets the time of its reception.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import DecodeError as NotJSON
from msgspec import json
from zope.interface import implementer

from waygps.encoding import LineEncoder
from waygps.fix import Fix, Message
from waygps.interfaces import IDecoder, Transport, Verdict
from waygps.vendor import Sample, Vendor

LONGEST = 4096
"""Bytes of a line, without its end."""


class Faulty(Exception):
    """The line cannot be a fix; the text is for the device."""


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _whole(text: str) -> int:
    return round(_number(text))


FLAGS = {"1": True, "on": True, "true": True, "yes": True, "si": True, "0": False, "off": False, "false": False, "no": False}


def _flag(text: str) -> bool:
    if text.lower() not in FLAGS:
        raise ValueError
    return FLAGS[text.lower()]


def _time(text: str) -> int:
    """Milliseconds: from ISO 8601 (UTC where it names no zone), or from seconds or milliseconds since 1970."""
    try:
        stamp = _number(text)
    except ValueError:
        time = datetime.fromisoformat(text)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    return int(stamp if abs(stamp) >= 1e11 else stamp * 1000)


FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "lat": ("lat", _number),
    "latitude": ("lat", _number),
    "lon": ("lon", _number),
    "lng": ("lon", _number),
    "longitude": ("lon", _number),
    "time": ("time", _time),
    "timestamp": ("time", _time),
    "spd": ("speed_kmh", _number),
    "speed": ("speed_kmh", _number),
    "hdg": ("course_deg", _number),
    "course": ("course_deg", _number),
    "heading": ("course_deg", _number),
    "alt": ("altitude_m", _number),
    "altitude": ("altitude_m", _number),
    "sat": ("satellites", _whole),
    "satellites": ("satellites", _whole),
    "hdop": ("hdop", _number),
    "ign": ("ignition", _flag),
    "ignition": ("ignition", _flag),
    "bat": ("battery_pct", _whole),
    "battery": ("battery_pct", _whole),
    "volt": ("power_v", _number),
    "power": ("power_v", _number),
    "odo": ("odometer_km", _number),
    "odometer": ("odometer_km", _number),
    "gsm": ("gsm", _whole),
    "valid": ("valid", _flag),
    "alarm": ("alarm", str),
    "driver": ("driver", str),
}
DEVICE = ("imei", "id", "device")
NEEDED = ("lat", "lon")
"""The fields without which there is no fix; another one that cannot be read is dropped with a warning."""


@implementer(IDecoder)
class Decoder:
    """Lines in, a message each. Nothing a device can write ends the connection: a faulty line is answered with its fault."""

    max_buffer = LONGEST

    def __init__(self, transport: Transport = "tcp", device: str = "") -> None:
        self._device = device
        self._rest = b""
        self._skipping = False

    @property
    def held(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[Message]:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = b""
        for line in lines:
            yield from self._line(line)
        self._rest = rest
        if len(rest) > LONGEST:
            self._rest, self._skipping = b"", True

    def end(self) -> Iterator[Message]:
        line, self._rest = self._rest, b""
        yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[Message]:
        too_long = self._skipping or len(line) > LONGEST
        self._skipping = False
        text = line.strip().decode("utf-8", "replace")
        if too_long:
            yield self._error(f"the line is longer than {LONGEST} bytes", b"")
        elif text:
            yield self._message(text, line)

    def _message(self, text: str, line: bytes) -> Message:
        try:
            values = _pairs(text)
            device = next((values.pop(key) for key in DEVICE if key in values), self._device)
            if not device:
                raise Faulty("IMEI is missing")
            if not device.isprintable():
                raise Faulty("IMEI is not an identification")
            self._device = device
            fix, warnings = _fix(values)
        except Faulty as fault:
            return self._error(str(fault), line)
        refusal = f"ERROR device {device} is not accepted\r\n".encode()
        return Message(device=device, fixes=(fix,), reply=b"OK\r\n", refusal=refusal, raw=line, warnings=warnings)

    def _error(self, reason: str, line: bytes) -> Message:
        reply = f"ERROR {reason}\r\n".encode()
        return Message(device=self._device, reply=reply, refusal=reply, raw=line, warnings=(f"answered ERROR: {reason}",))


def _pairs(text: str) -> dict[str, str]:
    """The keys (lower case) and values of a line of either form; a value that says nothing is left out."""
    if text.startswith("{"):
        try:
            given = json.decode(text, type=dict[str, str | float | int | bool | None], strict=True)
        except NotJSON as error:
            raise Faulty(f"the JSON object is not as expected: {error}") from None
        found = {key.strip().lower(): "" if value is None else str(value).strip() for key, value in given.items()}
    else:
        parts = [part.partition(":") for part in text.split(",") if part.strip()]
        if any(not colon for _, colon, _ in parts):
            raise Faulty("a line is KEY: value, KEY: value or a JSON object")
        found = {key.strip().lower(): value.strip() for key, _, value in parts}
    return {key: value for key, value in found.items() if value}


def _fix(values: dict[str, str]) -> tuple[Fix, tuple[str, ...]]:
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    warnings = []
    for key, text in values.items():
        name, read = FIELDS.get(key, ("", str))
        try:
            value = read(text)
        except (ValueError, OverflowError):
            if name in NEEDED:
                raise Faulty(f"{key.upper()} {text[:40]!r} is not a number") from None
            warnings.append(f"{key} {text[:40]!r} cannot be read and was dropped")
            continue
        (fields if name else attributes)[name or key] = value
    _check(fields)
    return Fix(**{"time": None, **fields}, attributes=attributes), tuple(warnings)


def _check(fields: dict[str, Any]) -> None:
    """Refuse at once what the pipeline would set apart, since this protocol can say why."""
    for name, bound in (("lat", 90), ("lon", 180)):
        if name not in fields:
            raise Faulty(f"{name.upper()} is missing")
        if not -bound <= fields[name] <= bound:
            raise Faulty(f"{name.upper()} {fields[name]:g} is outside -{bound}..{bound}")


WRITTEN = {
    "TIME": "time",
    "LAT": "lat",
    "LON": "lon",
    "SPD": "speed_kmh",
    "HDG": "course_deg",
    "ALT": "altitude_m",
    "SAT": "satellites",
    "HDOP": "hdop",
    "IGN": "ignition",
    "BAT": "battery_pct",
    "VOLT": "power_v",
    "ODO": "odometer_km",
}
"""What a simulated device writes."""


class Encoder(LineEncoder):
    """A simulated generic device."""

    def line(self, fix: Fix) -> bytes:
        values = {title: getattr(fix, name) for title, name in WRITTEN.items()}
        pairs = ", ".join(f"{title}: {value}" for title, value in values.items() if value is not None)
        return f"IMEI: {self.device}, {pairs}\r\n".encode()


_PAIRS_BEGUN = re.compile(r"(?:\s*[a-z]\w*\s*:[^,]*,)*\s*(?:[a-z]\w*\s*(?::[^,]*)?)?", re.ASCII | re.IGNORECASE)
_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f]")


def recognises(data: bytes, transport: Transport) -> Verdict:
    """The first line names a device and a coordinate, whatever they are worth: a faulty line is to be answered with its fault."""
    line, end, _ = data.lstrip().partition(b"\n")
    text = line.rstrip(b"\r").decode("utf-8", "replace")
    if len(line) > LONGEST or _CONTROL.search(text) or not (text.startswith("{") or _PAIRS_BEGUN.fullmatch(text)):
        return Verdict.NO
    if not end and transport == "tcp":
        return Verdict.MORE
    try:
        values = _pairs(text)
    except Faulty:
        return Verdict.NO
    names = {FIELDS.get(key, ("",))[0] for key in values}
    return Verdict.YES if names & {*NEEDED} and any(key in values for key in DEVICE) else Verdict.NO


SAMPLES = (
    Sample(
        data=b"IMEI: 123456789, LAT: -34.603722, LON: -58.381592, SPD: 45, HDG: 180\r\n",
        fixes=({"lat": -34.603722, "lon": -58.381592, "speed_kmh": 45, "course_deg": 180, "time": None},),
        reply=b"OK\r\n",
    ),
    Sample(
        data=b'{"imei": "123456789", "lat": -34.603722, "lon": -58.381592, "time": "2026-11-24T07:30:00Z", "rpm": 900}\n',
        fixes=({"lat": -34.603722, "time": "2026-11-24T07:30:00Z", "attributes": {"rpm": "900"}},),
        reply=b"OK\r\n",
    ),
    Sample(data=b"IMEI: 7, LAT: 95, LON: 2\n", reply=b"ERROR LAT 95 is outside -90..90\r\n"),
    Sample(
        data=b"IMEI: 7, LAT: 1.5, LON: 2.5, IGN: on, BAT: 80, VOLT: 12.6, ALARM: sos",
        transport="udp",
        fixes=({"lat": 1.5, "lon": 2.5, "ignition": True, "battery_pct": 80, "power_v": 12.6, "alarm": "sos"},),
        reply=b"OK\r\n",
    ),
)
generic = Vendor(
    name="generic",
    title="Generic",
    maker="Any",
    port=8082,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    samples=SAMPLES,
    models=("any device, gateway or script that writes lines of text",),
)
