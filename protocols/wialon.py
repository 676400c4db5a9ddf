r"""Wialon IPS 1.1 and 2.x: lines of text, `#TYPE#message\r\n`; version 2 has a checksum on each, which the login announces.

Layout: Gurtam's "Wialon IPS" documents. Over UDP each datagram names its version and device: `2.0;IMEI#TYPE#message`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace
from zope.interface import implementer

from waygps import events
from waygps.bits import crc16_arc
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IEncoder, Transport, Verdict
from waygps.readers import choice, clock, course, ddmm, flag, hdop, number, printable, satellites, speed_kmh, whole
from waygps.reading import Reading, message
from waygps.vendor import Sample, Vendor

_HEAD = re.compile(rb"(?:(\d\.\d);)?([^#;\r\n]*)#([A-Z]{1,3})#")
_CRC = re.compile(rb"(?:0x)?[0-9a-f]{1,4}", re.I)
_VERSION = re.compile(rb"\d\.\d;")

WRONG_CRC = {"L": b"10", "SD": b"13", "D": b"16", "B": b"", "M": b"01"}
"""The types that are answered, and how where the checksum is wrong."""
CODES = (("time", b"0"), ("lat", b"10"), ("lon", b"10"))
"""What a report is answered in which one of these is there and cannot be read."""


def _degrees(hemispheres: str) -> Any:
    def read(raw: tuple[str, str]) -> float:
        if not raw[1] or raw[1].upper() not in hemispheres:
            raise ValueError(raw)
        return ddmm(*raw)

    return read


_lat, _lon = _degrees("NS"), _degrees("EW")
_volts = number(-1000, 1000)


def _clock(raw: tuple[str, str]) -> int:
    return clock(*raw)


SHORT = (
    ("speed_kmh", speed_kmh),
    ("course_deg", course),
    ("altitude_m", number(-20_000, 100_000)),
    ("satellites", satellites),
)
"""A report's fields behind the coordinates; a long report has the others too."""
LONG = (*SHORT, ("hdop", hdop), ("inputs", whole()), ("outputs", whole()), ("", None), ("driver", printable))
ADC, PARAMETERS = 13, 15
SHORTEST, LONGEST = 10, 16

TYPES = {"1": whole(-(2**63)), "2": number(), "3": printable}
KNOWN = {
    "sos": ("alarm", choice({"1": events.SOS, "0": None})),
    "bat": ("battery_pct", lambda raw: round(number(0, 100)(raw))),
    "temp": ("temperature_c", number(-100, 200)),
    "pwr_ext": ("power_v", number(0, 1000)),
    "uext": ("power_v", number(0, 1000)),
    "ign": ("ignition", flag),
    **{name: (name, whole()) for name in ("mcc", "mnc", "lac", "cell_id")},
}
"""Parameters that devices agree on, whatever type they give them."""


def _parameters(reading: Reading, text: str) -> None:
    """Take `name:type:value,…`; one that has the name of something else of a report does not replace that."""
    for pair in filter(None, text.split(",")):
        name, _, rest = pair.partition(":")
        kind, _, raw = rest.partition(":")
        name = name.strip().lower()
        if name in KNOWN:
            reading.put(KNOWN[name][0], raw, KNOWN[name][1])
        elif not (name and kind in TYPES):
            reading.warnings.append(f"a parameter cannot be {pair[:40]!r}")
        else:
            try:
                reading.attributes.setdefault(name, TYPES[kind](raw))
            except ValueError:
                reading.warnings.append(f"{name} cannot be {raw[:40]!r}")


def _record(text: str, is_short: bool) -> Reading:
    """Read one report, its checksum taken off."""
    reading = Reading()
    values = ["" if (value := field.strip()) == "NA" else value for field in text.split(";")]
    if len(values) < SHORTEST:
        reading.unreadable = f"{len(values)} fields, expected {SHORTEST if is_short else LONGEST}"
        return reading
    if values[0] or values[1]:
        reading.need("time", (values[0], values[1]), _clock)
    if values[2] or values[4]:
        reading.need("lat", (values[2], values[3]), _lat)
        reading.need("lon", (values[4], values[5]), _lon)
    reading.take(SHORT if is_short else LONG, values[6:])
    if not is_short:
        _extras(reading, values)
    reading.fields["valid"] = reading.fields.get("satellites", 3) >= 3
    return reading


def _extras(reading: Reading, values: list[str]) -> None:
    if len(values) < LONGEST:
        reading.warnings.append(f"{len(values)} fields, expected {LONGEST}")
    if len(values) > ADC:
        for at, raw in enumerate(values[ADC].split(","), 1):
            reading.put(f"adc{at}_v", raw, _volts)
    if len(values) > PARAMETERS and values[PARAMETERS]:
        _parameters(reading, values[PARAMETERS])


def _code(reading: Reading) -> bytes:
    if not reading.unreadable:
        return b"1"
    return next((code for name, code in CODES if reading.unreadable.startswith(name)), b"-1")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1251", "replace")


class Decoder(FrameDecoder):
    """Lines. A line that is no packet is skipped; a packet with a wrong checksum is answered so, and is no report."""

    max_buffer = 32768
    ends_whole = True
    resyncs = False

    def __init__(self, transport: Transport = "tcp", device: str = "") -> None:
        super().__init__(transport, device)
        self._version = "1.1"

    def size(self, buffer: bytearray) -> int:
        if buffer[0] == 0xFF:
            raise DecodeError("a compressed packet, which is not supported", buffer)
        size = self.until(b"\n")
        return size if size > len(buffer) or _HEAD.match(buffer) else -size

    def messages(self, frame: bytes) -> Iterator[Message]:
        head = _HEAD.match(frame)
        # A line that the end of a connection cut short may end within a coordinate; a datagram is whole.
        if head and (self.transport == "udp" or frame.endswith(b"\n")):
            device, kind = _text(head[2]).strip(), head[3].decode()
            version = head[1].decode() if head[1] else "1.1" if device else self._version
            found = self._packet(kind, frame[head.end() :].rstrip(b"\r\n"), version)
            yield replace(found, device=found.device or device)

    def _packet(self, kind: str, body: bytes, version: str) -> Message:
        if kind == "P":
            return Message(device="", reply=b"#AP#\r\n")
        if kind not in WRONG_CRC:
            return Message(device="", warnings=(f"a packet of type {kind}, which is not answered",))
        if kind == "L":
            version = body[:3].decode() if _VERSION.match(body) else "1.1"
        if version >= "2":
            end = body.rfind(b"|" if kind == "B" else b";") + 1
            if not _agrees(body[end:].strip(), body[:end]):
                warning = f"the checksum cannot be {body[end:][:20]!r}"
                return Message(device="", reply=_answer(kind, WRONG_CRC[kind]), warnings=(warning,))
            body = body[: max(0, end - 1)]
        return self._login(_text(body), version) if kind == "L" else _report(kind, _text(body))

    def _login(self, text: str, version: str) -> Message:
        device = text.removeprefix(f"{version};").split(";")[0].strip()
        if not (device and device.isprintable()):
            return Message(device="", reply=_answer("L", b"0"), warnings=("a login without an identification",))
        self._version = version
        return Message(device=device, reply=_answer("L", b"1"), refusal=_answer("L", b"0"))


def _agrees(stated: bytes, data: bytes) -> bool:
    return bool(_CRC.fullmatch(stated)) and int(stated, 16) == crc16_arc(data)


def _answer(kind: str, code: bytes) -> bytes:
    return b"#A" + kind.encode() + b"#" + code + b"\r\n"


def _report(kind: str, text: str) -> Message:
    if kind == "M":
        return Message(device="", reply=_answer(kind, b"1"))
    if kind != "B":
        reading = _record(text, is_short=kind == "SD")
        return reading.message(reply=_answer(kind, _code(reading)))
    rows = [row for row in text.split("|") if row.strip()]
    readings = [_record(row, is_short=row.count(";") < SHORTEST) for row in rows]
    for reading in readings:
        reading.attributes["buffered"] = True
    good = sum(not reading.unreadable for reading in readings)
    return message(readings, reply=_answer(kind, b"%d" % good))


def _value(value: float | None, digits: int = 0) -> str:
    return "NA" if value is None else f"{value:.{digits}f}"


def _place(degrees: float, width: int, hemispheres: str) -> str:
    whole_degrees, minutes = divmod(round(abs(degrees) * 6e7), 60_000_000)
    return f"{whole_degrees:0{width}}{minutes / 1e6:09.6f};{hemispheres[degrees < 0]}"


def _row(fix: Fix) -> str:
    time = "NA;NA" if fix.time is None else f"{datetime.fromtimestamp(fix.time / 1000, UTC):%d%m%y;%H%M%S.%f}"[:-3]
    place = f"{_place(fix.lat, 2, 'NS')};{_place(fix.lon, 3, 'EW')}"
    moving = f"{_value(fix.speed_kmh, 1)};{_value(fix.course_deg, 1)};{_value(fix.altitude_m, 1)}"
    used = (fix.satellites if fix.satellites is not None else 8) if fix.valid else 0
    said = {"ign:1": fix.ignition, "bat:1": fix.battery_pct, "pwr_ext:2": fix.power_v}
    extras = ",".join(f"{name}:{+value}" for name, value in said.items() if value is not None)
    return f"{time};{place};{moving};{used};{_value(fix.hdop, 1)};NA;NA;;NA;{extras or 'NA'}"


@implementer(IEncoder)
class Encoder:
    """A pretended device of version 2.0; several fixes go as a black box."""

    most_fixes = 50

    def __init__(self, device: str, transport: Transport = "tcp") -> None:
        self._device = device
        self._head = f"2.0;{device}" if transport == "udp" else ""

    def hello(self) -> bytes:
        """The login; a datagram needs none."""
        return b"" if self._head else self._line("L", f"2.0;{self._device};NA;")

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        rows = [_row(fix) for fix in fixes]
        return self._line("D", f"{rows[0]};") if len(rows) == 1 else self._line("B", "|".join([*rows, ""]))

    def _line(self, kind: str, body: str) -> bytes:
        return f"{self._head}#{kind}#{body}{crc16_arc(body.encode()):X}\r\n".encode()


_REPORT = rb"(?:NA|\d{6})?;(?:NA|\d{6}(?:\.\d*)?)?;(?:NA|[\d.]+)?;(?:NA|[NS])?;(?:NA|[\d.]+)?;(?:NA|[EW])?;"
_LOGIN = rb"(?:\d\.\d;)?[^;#]{1,64};[^;#]*(?:;[0-9A-Fa-fx]{1,6})?"
_WHOLE = re.compile(rb"(?:(?:\d\.\d;)?[\w.-]{1,64})?#(?:L#%b|(?:SD|D|B)#%b.*|M#.*|P#)\r?" % (_LOGIN, _REPORT))
_BEGUN = re.compile(rb"(?:\d\.\d;)?[\w.-]{0,64}(?:#(?:S?D?|[LBMP])(?:(?<=[A-Z])#.*)?)?")


def recognises(data: bytes, transport: Transport) -> Verdict:
    """The first line is a packet, which a login tells when it is complete: the device waits for its answer."""
    line, end, _ = data.lstrip(b"\r\n").partition(b"\n")
    if end or (transport == "udp" and line):
        return Verdict.YES if _WHOLE.fullmatch(line) else Verdict.NO
    return Verdict.MORE if _BEGUN.fullmatch(line) else Verdict.NO


wialon = Vendor(
    name="wialon",
    title="Wialon IPS",
    maker="Gurtam and others",
    port=5039,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    active=False,
    models=("WiaTag", "UMKa310", "Navtelecom Signal", "GalileoSky", "ADM"),
    samples=(
        Sample(data=b"#L#2002;NA\r\n", reply=b"#AL#1\r\n"),
        Sample(data=b"#L#2.0;353976013445485;NA;A03C\r\n#P#\r\n", reply=b"#AL#1\r\n#AP#\r\n"),
        Sample(
            data=b"#SD#270413;205601;5544.6025;N;03739.6834;E;1;2;3;4\r\n",
            device="2002",
            fixes=({"time": "2013-04-27T20:56:01Z", "lat": 55.743375, "lon": 37.66139, "speed_kmh": 1, "course_deg": 2},),
            reply=b"#ASD#1\r\n",
        ),
        Sample(
            data=b"#D#270413;205601;5544.6025;N;03739.6834;E;1;2;3;4;0.0;0;0;14.77,0.02,3.6;NA;count1:1:564,fuel:2:45.8,hw:3:V4.5\r\n",
            device="2002",
            fixes=({"lat": 55.743375, "lon": 37.66139, "altitude_m": 3, "satellites": 4, "hdop": 0},),
            reply=b"#AD#1\r\n",
        ),
        Sample(
            data=b"#B#080914;073235;5027.50625;N;03026.19321;E;0.700;0.000;NA;4;NA;NA;NA;;NA;Battery:3:100 %"
            b"|080914;073420;5027.50845;N;03026.18854;E;1.996;292.540;NA;4;NA;NA;NA;;NA;Battery:3:100 %\r\n",
            device="2002",
            fixes=(
                {"time": "2014-09-08T07:32:35Z", "lat": 50.4584375, "lon": 30.4365535, "speed_kmh": 0.7},
                {"time": "2014-09-08T07:34:20Z", "speed_kmh": 1.996, "course_deg": 292.54},
            ),
            reply=b"#AB#2\r\n",
        ),
        Sample(
            data=b"2.0;99999999#D#101118;061143;0756.0930;N;12338.6403;E;18.223;99.766;-4.000;10;0.800;NA;NA;NA;NA;"
            b"101_521347:1:521249,101_521126:1:6593598,101_521127:1:774780,101_521072_21.1:1:0,101_521072_21.2:1:71353;F24A",
            transport="udp",
            fixes=({"time": "2018-11-10T06:11:43Z", "lat": 7.934883333, "lon": 123.644005, "altitude_m": -4, "hdop": 0.8},),
            reply=b"#AD#1\r\n",
        ),
    ),
)
