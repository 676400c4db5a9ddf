"""Queclink @Track: ASCII reports; HEX reports and Protocol Pro frames (queclink_binary.py); told apart by their first bytes.

Layouts: Queclink's @Track Air Interface Protocol manuals (GV, GL, GMT, CV) and @Track Protocol Pro. Which optional fields a
message has depends on model, firmware and settings: positions are found by their shape, longitude, latitude, 14-digit time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from zope.interface import implementer

from protocols.queclink_binary import IGNITION, LENGTHS, LONGEST, binary_message, intact, interpret, sizes
from waygps.bits import digits_ms
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IEncoder, Transport, Verdict
from waygps.readers import course, flag, number, percent
from waygps.reading import Reader, Reading, message
from waygps.vendor import Sample, Vendor


def _matching(pattern: str, read: Callable[[str], Any] = str) -> Reader:
    matches = re.compile(pattern).fullmatch

    def checked(text: str) -> Any:
        if not matches(text):
            raise ValueError(text)
        return read(text)

    return checked


def _seconds(text: str) -> int:
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


_REAL: Final = r"[+-]?\d{1,9}(?:\.\d{1,9})?"
_volts = number(0, 100)
_READERS: Final[dict[str, Reader]] = {
    "satellites gsm trigger report_type duration_s mode": _matching(r"\d{1,9}", int),
    "battery_pct fuel1_pct fuel2_pct fuel3_pct": _matching(_REAL, lambda text: percent(float(text))),
    "power_v analog1_v analog2_v analog3_v": _matching(_REAL, lambda text: _volts(float(text) / 1000)),
    "report_id inputs outputs": _matching("[0-9A-Fa-f]{1,4}", lambda text: int(text, 16)),
    "hdop": _matching(_REAL, number(0, 50)),
    "speed_kmh": _matching(_REAL, number(0, 999.9)),
    "course_deg": _matching(_REAL, course),
    "altitude_m temperature_c": _matching(_REAL, number(-20_000, 100_000)),
    "odometer_km battery_v": _matching(_REAL, number(0, 1e9)),
    "hour_meter_s": _matching(r"\d{1,5}:[0-5]\d:[0-5]\d", _seconds),
    "motion": flag,
    "driver": _matching(r"\w{1,32}"),
    "state": _matching("(?:(?:[0-9A-Fa-f]{4})?[0-9A-Fa-f]{4})?[0-9A-Fa-f]{2}"),
}
_READ: Final = {name: read for names, read in _READERS.items() for name in names.split()}

_HEAD: Final = re.compile(r"\+(RESP|BUFF|ACK|NACK):GT([A-Z0-9]{3}),")
_DEVICE: Final = re.compile(r"\d{15}|[0-9A-Fa-f]{14}")
_COUNT: Final = re.compile(r"[0-9A-Fa-f]{4}")
_CLOCK: Final = re.compile(r"\d{14}")
_DECIMAL: Final = re.compile(r"-?\d{1,9}\.\d{1,3}")
_STATUS: Final = re.compile("(?:[0-9A-F]{4})?(?:1[126A]|[24][12])[0-9A-F]{4}", re.I)
_BLOCK: Final = re.compile(
    r",(-?\d{1,3}\.\d{6}),(-?\d{1,3}\.\d{6}),([^,]*)(?=,)"
    r"(?:,(\d{1,4}),(\d{1,4}),([0-9A-Fa-f]{1,8}),([0-9A-Fa-f]{1,8})(?=,))?"
)
_UNSET_CLOCK: Final = "2020010100000"

_ROWS: Final = frozenset(re.findall(r"\w+", "FRI ERI RTL DOG SOS NMR GEO SPD DIS LBC TOW IGL HBM EPS IOB PNL GIN GOT"))
"""Reports with an id, a type and a number of positions: a field each (GL), or a voltage and then both in one field (GV, CV)."""
_BEFORE: Final[dict[str, tuple[str, ...]]] = {
    "STT": ("state",), "JDS": ("report_type",), "BPL": ("battery_v",), "TEM": ("temperature_c",), "TMP": ("temperature_c", ""),
    "IDA": ("driver", "report_type", ""), **dict.fromkeys(("STR", "CTN"), ("mode", "temperature_c", "battery_pct")),
    **dict.fromkeys(IGNITION, ("duration_s",)),
}  # fmt: skip
"""The fields just before the first position of the other reports; "" is not used."""
_GL500: Final = ("battery_pct", "mode", "motion", "temperature_c")
_GL_TAILS: Final = {"40": _GL500, "44": _GL500, "DE": _GL500, "C3": ("battery_pct", "motion", "temperature_c")}
_GV200: Final = ("odometer_km", "hour_meter_s", "analog1_v", "analog2_v", "analog3_v", "inputs", "outputs")


def _put(reading: Reading, names: Iterable[str], texts: Iterable[str]) -> None:
    """Take fields by their texts; a name of "" is not used."""
    for name, text in zip(names, texts, strict=False):
        if text[:1] == "F" and name.startswith("analog"):  # a fuel sensor's percentage, on the analog input
            name, text = f"fuel{name[6]}_pct", text[1:]
        if name:
            reading.put(name, text, _READ[name])


class Report:
    """One ASCII message: its fields, and what they say."""

    def __init__(self, text: str, source: str, kind: str) -> None:
        self.text = text
        self.source = source
        self.kind = kind
        self.fields = text.split(",")
        self.count = self.fields[-1] if _COUNT.fullmatch(self.fields[-1]) else ""

    def message(self) -> Message:
        device = next((text for text in self.fields[1:3] if _DEVICE.fullmatch(text)), "")
        return message(self._readings() if self.source in ("RESP", "BUFF") else (), device, self._reply())

    def _reply(self) -> bytes:
        """The count as written; nothing for a message without one or for the answer to a command."""
        if self.count and self.source in ("RESP", "BUFF"):
            return f"+SACK:{self.count}$".encode()
        if not self.count or (self.source, self.kind) != ("ACK", "HBD"):
            return b""
        version = self.fields[1] if re.fullmatch("[0-9A-Za-z]{6,10}", self.fields[1]) else ""
        return f"+SACK:GTHBD,{version},{self.count}$".encode()

    def _readings(self) -> list[Reading]:
        blocks = list(_BLOCK.finditer(self.text))
        if not blocks:
            reading = Reading()
            if self.kind == "FRI" and any("." in text for text in self.fields[11:13]):
                reading.unreadable = "the position is unreadable"
                reading.warnings.append(reading.unreadable)
            return [reading]
        places = [self.text.count(",", 0, block.start()) + 1 for block in blocks]
        found = [self._position(block, at) for block, at in zip(blocks, places, strict=True)]
        self._around(found[-1], max(4, places[0] - 4), places[-1] + 7)
        interpret(found[-1], self.kind)
        return found

    def _position(self, block: re.Match[str], at: int) -> Reading:
        """One position; ``at`` is the field of its longitude."""
        reading = Reading()
        fields, attributes = reading.fields, reading.attributes
        attributes["report"] = self.kind
        if self.source == "BUFF":
            attributes["buffered"] = True
        fields.update(time=self._time(block[3], reading), lon=float(block[1]), lat=float(block[2]))
        _put(reading, ("hdop", "speed_kmh", "course_deg", "altitude_m"), self.fields[at - 4 : at] if at > 7 else ())
        # An accuracy of 0 says that the receiver has no fix and repeats the last position it knew.
        fields["valid"] = fields.get("hdop") != 0
        if block[4]:
            attributes.update(mcc=int(block[4]), mnc=int(block[5]), lac=int(block[6], 16), cell=int(block[7], 16))
        elif self.fields[at + 3] and not _CLOCK.fullmatch(self.fields[at + 3]):
            reading.warnings.append("the network cell is unreadable")
        _put(reading, ("odometer_km",), filter(_DECIMAL.fullmatch, self.fields[at + 7 : at + 8]))
        return reading

    def _time(self, text: str, reading: Reading) -> int | None:
        """GPS time, or the device's clock at the time of sending where there is none."""
        for clock in (text, self.fields[-2] if self.count else ""):
            try:
                if not clock.startswith(_UNSET_CLOCK):
                    return digits_ms(clock)
            except ValueError:
                pass
            reading.warnings.append(f"the time cannot be {clock[:40]!r}")
        return None

    def _around(self, reading: Reading, first: int, after: int) -> None:
        """Read what stands before the first position (at field ``first``) and behind the last one (from field ``after``)."""
        tail = self.fields[after : self._stop(after)]
        code = self.fields[first - 2] if first >= 6 else ""
        if self.kind not in _ROWS:
            self._before(reading, first)
            (self._asset_tail if self.kind == "TMP" else self._event_tail)(reading, tail)
        elif re.fullmatch("[0-9A-Fa-f]{2}", code):
            reading.attributes.update(report_id=int(code[0], 16), report_type=int(code[1], 16))
            self._vehicle(reading, first, tail)
        else:
            ids = self.fields[4 + (self.kind == "ERI") : first][:2]
            _put(reading, ("report_id", "report_type"), [text if len(text) == 1 else "" for text in ids])
            self._asset_tail(reading, tail)

    def _stop(self, after: int) -> int:
        """The field of the time of sending; some models write it twice, some leave it empty."""
        stop = len(self.fields) - bool(self.count)
        stop -= not self.fields[stop - 1]
        while stop > after and _CLOCK.fullmatch(self.fields[stop - 1]):
            stop -= 1
        return stop

    def _before(self, reading: Reading, first: int) -> None:
        if self.kind in ("CAN", "OBD", "DAT"):
            reading.attributes[self.kind.lower()] = ",".join(self.fields[4:first])
        if self.kind == "CAN" and first > 8 and self.fields[6].upper().endswith(("3", "7", "B", "F")):  # mask: VIN, ignition
            reading.fields["ignition"] = {"0": False, "1": True, "2": True}.get(self.fields[8])
        names = _BEFORE.get(self.kind, ())
        _put(reading, names, self.fields[first - len(names) : first] if first >= 4 + len(names) else ())

    def _asset_tail(self, reading: Reading, tail: list[str]) -> None:
        names = _GL_TAILS.get(self.fields[1][:2], ())
        if names and len(tail) > len(names):
            _put(reading, ("gsm",) if names is _GL500 else (), tail)
            _put(reading, names, tail[-len(names) :])
        elif len(tail) > 1:
            # Some models write the mileage where the others write the charge.
            _put(reading, ("odometer_km" if "." in tail[-1] or len(tail[-1]) > 3 else "battery_pct",), tail[-1:])

    def _event_tail(self, reading: Reading, tail: list[str]) -> None:
        _put(reading, ("hour_meter_s",), [text for text in tail if ":" in text])
        _put(reading, ("odometer_km",), filter(_DECIMAL.fullmatch, tail))

    def _vehicle(self, reading: Reading, first: int, tail: list[str]) -> None:
        """GV and CV series. The supply is a flag on some models; firmware may append satellites and trigger to a position."""
        _put(reading, ("power_v",), [text for text in self.fields[first - 3 : first - 2] if len(text) > 2])
        if self.kind not in ("FRI", "ERI"):
            self._event_tail(reading, tail)
            return
        extras = {"01": ("satellites",), "02": ("trigger",), "03": ("satellites", "trigger")}.get("".join(tail[:1]), ())
        _put(reading, extras, tail[1:])
        rest = self._vehicle_tail(reading, tail[1 + len(extras) :])
        if self.kind == "ERI" and re.fullmatch("[0-9A-Fa-f]{8}", self.fields[first - 4]):
            self._one_wire(reading, rest, int(self.fields[first - 4], 16))

    def _vehicle_tail(self, reading: Reading, tail: list[str]) -> list[str]:
        """Mileage, hours, analog inputs, then charge and device status (GV200: lines); gives what stands behind them."""
        if self.fields[1][:2] in ("04", "35"):
            _put(reading, _GV200, tail)
            return tail[len(_GV200) :]
        # The number of analog inputs differs by model: the device status shows where they end.
        at = next((at for at in range(3, min(9, len(tail))) if _STATUS.fullmatch(tail[at])), 0)
        at = at or (len(tail) - 4 if self.kind == "FRI" else 0)
        if at < 3:
            return []
        _put(reading, _GV200[: min(4, at - 1)], tail)
        _put(reading, ("battery_pct", "state"), tail[at - 1 :])
        return tail[at + 1 :]

    def _one_wire(self, reading: Reading, rest: list[str], mask: int) -> None:
        """Temperatures and iButtons of GTERI, behind the type of the serial device and the fuel sensor."""
        rest = rest[2 if mask & 1 else 1 :]
        if not mask & 2 or not rest or not re.fullmatch(r"\d{1,2}", rest[0]):
            return
        sensors = list(zip(rest[1::3], rest[2::3], rest[3::3], strict=False))[: int(rest[0])]
        ibuttons = [serial for serial, kind, _ in sensors if kind == "2"]
        temperatures = {
            serial: float(data) if "." in data else int.from_bytes(bytes.fromhex(data), signed=True) * 0.0625
            for serial, kind, data in sensors
            if kind == "1" and (_COUNT.fullmatch(data) or _DECIMAL.fullmatch(data))
        }
        reading.put("ibuttons", ibuttons or None)
        reading.put("temperatures_c", temperatures or None)


_ASCII: Final = (b"+RESP:", b"+BUFF:", b"+ACK:", b"+NACK:")
_HEADER: Final = re.compile(
    rb"\+(?:RESP|BUFF|N?ACK):|\+(?:RSP|BSP|EVT|BVT|CAN|DAT|INF|BNF|ACK|CRD|BRD|LGN|HBD|ATI)(?=[^:])|[+-]\0|\+\x10"
)
_BEGUN: Final = {header[:size] for header in (*_ASCII, *(header + b":" for header in LENGTHS)) for size in range(1, len(header))}
_END: Final = re.compile(rb"\$|\0|\+(?:RESP|BUFF|N?ACK):")
_LONGEST_END: Final = 6


def _parse(frame: bytes) -> Message | None:
    if not frame.startswith(_ASCII):
        return binary_message(frame)
    text = frame.decode("latin-1").rstrip("$\0\r\n")
    head = _HEAD.match(text)
    return Report(text, head[1], head[2]).message() if head else None


class Decoder(FrameDecoder):
    """Frames out of a stream or datagram. An ASCII message ends with $ or NUL, where the next one begins, or with the stream."""

    max_buffer = LONGEST
    _is_over = False

    def end(self) -> Iterator[Message]:
        self._is_over, self._needed = True, 1
        yield from self.feed(b"")

    def size(self, buffer: bytearray) -> int:
        found = _HEADER.search(buffer)
        if not found or found.start():
            begun = (at for at in range(max(0, len(buffer) - 5), len(buffer)) if bytes(buffer[at:]) in _BEGUN)
            skipped = found.start() if found else len(buffer) if self._is_over else next(begun, len(buffer))
            return -skipped or len(buffer) + 1
        size = self._text_size(buffer) if buffer.startswith(_ASCII) else self._binary_size(buffer)
        return size or (-1 if self._is_over else len(buffer) + 1)

    def messages(self, frame: bytes) -> Iterator[Message]:
        parsed = _parse(frame)
        if parsed and (parsed.device or self.device):
            yield parsed
        else:
            self.note("messages that name no device" if parsed else "messages without a type")

    def _text_size(self, buffer: bytearray) -> int:
        """Bytes of the text at the head; 0: more are needed to tell, -1: there is none."""
        end = self.search(_END, 1, self.max_buffer, _LONGEST_END)
        if end:
            return end.end() if end[0] in (b"$", b"\0") else end.start()
        if len(buffer) >= self.max_buffer:
            self.note(f"messages longer than {self.max_buffer} bytes")
            return -1
        return len(buffer) if self._is_over else 0

    def _binary_size(self, buffer: bytearray) -> int:
        """The shortest length that the frame may state and that its checksum confirms; 0 and -1 as above."""
        if len(buffer) < 12:
            return 0
        frame = bytes(buffer[: self.max_buffer])
        for size in sizes(frame):
            if size > len(buffer):
                return 0
            if intact(frame[:size]):
                return size
        self.note("messages with a wrong checksum or length")
        return -1


@implementer(IEncoder)
class Encoder:
    """A GV300 on ASCII @Track; it sends no greeting, and reports with +RESP:GTFRI."""

    most_fixes = 15

    def __init__(self, device: str, transport: Transport) -> None:
        self._device = device
        self._count = 0

    def hello(self) -> bytes:
        return b""

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        last, self._count = fixes[-1], (self._count + 1) & 0xFFFF
        power = "" if last.power_v is None else round(last.power_v * 1000)
        mileage = "" if last.odometer_km is None else f"{last.odometer_km:.1f}"
        battery = "" if last.battery_pct is None else last.battery_pct
        state = {True: "21", False: "11", None: "41"}[last.ignition]
        blocks = ",".join(map(self._position, fixes))
        head = f"+RESP:GTFRI,060100,{self._device},,{power},10,{len(fixes)},{blocks}"
        return f"{head},{mileage},,,,{battery},{state}0000,,,,{_stamp(last)},{self._count:04X}$".encode()

    def _position(self, fix: Fix) -> str:
        accuracy = max(1, round(fix.hdop or 1)) if fix.valid else 0
        moving = f"{fix.speed_kmh or 0:.1f},{round(fix.course_deg or 0) % 360},{fix.altitude_m or 0:.1f}"
        return f"{accuracy},{moving},{fix.lon:.6f},{fix.lat:.6f},{_stamp(fix)},,,,,00"


def _stamp(fix: Fix) -> str:
    return "" if fix.time is None else f"{datetime.fromtimestamp(fix.time / 1000, UTC):%Y%m%d%H%M%S}"


_TYPED: Final = re.compile(rb"\+(?:RESP|BUFF|N?ACK):GT[A-Z0-9]{3},")


def recognises(data: bytes, transport: Transport) -> Verdict:
    """A text message is known by its header and type, a binary one when its checksum is right."""
    data = data.lstrip(b"\r\n")
    if data.startswith(_ASCII):
        begun = data[data.index(b":") + 1 :][:6]
        missing = b"GTFRI,"[len(begun) :]
        fits = _TYPED.match(data[: data.index(b":") + 1] + begun + missing)
        return Verdict.NO if not fits else Verdict.MORE if missing else Verdict.YES
    if _HEADER.match(data) is None:
        return Verdict.MORE if not data or data in _BEGUN else Verdict.NO
    stated = sizes(data) if len(data) >= 12 else [12]
    if any(size <= len(data) and intact(data[:size]) for size in stated):
        return Verdict.YES
    return Verdict.MORE if any(size > len(data) for size in stated) else Verdict.NO


queclink = Vendor(
    name="queclink",
    title="Queclink",
    maker="Queclink Wireless Solutions",
    port=8081,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    models=("GV55", "GV75", "GV200", "GV300", "GV350", "GV500", "GV600", "GL200", "GL300", "GL500", "GMT100", "GMT200", "CV200"),
    samples=(
        Sample(
            data=b"+RESP:GTFRI,060100,135790246811220,,,00,1,1,4.3,92,70.0,121.354335,31.222073,20090214013254,0460,0000,18d8,6141,"
            b"00,2000.0,12345:12:34,,,80,210100,,,,20090214093254,11F0$",
            fixes=({"time": "2009-02-14T01:32:54Z", "lat": 31.222073, "lon": 121.354335, "ignition": True, "battery_pct": 80},),
            reply=b"+SACK:11F0$",
        ),
        Sample(data=b"+ACK:GTHBD,1A0401,135790246811220,,20100214093254,11F0$", reply=b"+SACK:GTHBD,1A0401,11F0$"),
        Sample(
            data=bytes.fromhex(
                "2b5253500700fc1fbf005d4501020209563254030003430564377e42071001000000000000007eff75a151025c6a8107e10801081a2a02680003"
                "189c1ac500000000000002100700000000000000000007e1080108241019e17ebe0d0a"
            ),
            fixes=({"time": "2017-08-01T08:26:42Z", "lat": 39.611009, "lon": -9.068207, "valid": False, "power_v": 14.206},),
            reply=b"",
        ),
        Sample(
            data=bytes.fromhex(
                "2b000038000865134050947226820300030000216a3ed6f101895000521629fa8b28f402ac1a8e6a3ed6f100001600000010f505010ff824"
            ),
            fixes=({"time": "2026-06-26T19:45:53Z", "lat": 44.833422, "lon": -91.543308, "hdop": 2.2, "satellites": 5},),
            reply=b"+SACK:010F$",
        ),
    ),
)
