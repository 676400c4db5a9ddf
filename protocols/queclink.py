"""Queclink @Track: ASCII reports, HEX reports and Protocol Pro frames, told apart by their first bytes.

Layouts: Queclink's @Track Air Interface Protocol manuals (GV, GL, GMT, CV) and @Track Protocol Pro. Which optional fields a
message has depends on model, firmware and settings: positions are found by their shape, longitude, latitude, 14-digit time.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import replace
from zope.interface import implementer

from waygps import events
from waygps.bits import crc8_nrsc5, crc16_ccitt_false, digits_ms, utc_ms
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.interfaces import IDecoder, IEncoder, Transport, Verdict
from waygps.vendor import Vendor

MAX_GARBAGE: Final = 65536

Values = dict[str, Any]
"""What a Fix is made of; ``attributes`` is always there."""

_EVENTS: Final = {
    "SOS": events.SOS, "SPD": events.OVERSPEED, "TOW": events.TOW, "IDN": events.IDLE, "JDR": events.JAMMING,
    "BPL": events.LOW_BATTERY, "EPS": events.LOW_POWER, "TEM": events.TEMPERATURE, "TMP": events.TEMPERATURE,
    "MPF": events.POWER_CUT, "EPF": events.POWER_CUT, "MPN": events.POWER_RESTORED, "EPN": events.POWER_RESTORED,
    "GIN": events.GEOFENCE_ENTER, "GOT": events.GEOFENCE_EXIT,
}  # fmt: skip
_HARSH: Final = dict.fromkeys((0, 3), events.HARSH_BRAKING) | dict.fromkeys((1, 4), events.HARSH_ACCELERATION)
_EVENTS_BY_TYPE: Final[dict[str, dict[int, str]]] = {
    "HBM": _HARSH | {2: events.HARSH_CORNERING},
    "GEO": {0: events.GEOFENCE_EXIT, 1: events.GEOFENCE_ENTER},
    "JDS": {2: events.JAMMING},
}
_IGNITION: Final = {"IGN": True, "VGN": True, "IGF": False, "VGF": False}


def _interpret(values: Values, kind: str) -> None:
    """Set ignition, motion, lines and alarm from the device status (MM, or MMIIOO in hex), the kind of report and its type."""
    attributes = values["attributes"]
    subtype, status = attributes.get("report_type"), attributes.get("state", "")
    state, lines = (status[-6:-4], status[-4:]) if len(status) > 2 else (status, "")
    if state:
        attributes.update(state=state, motion=state[1] in "26Aa")
        values["ignition"] = {"1": False, "2": True}.get(state[0])
    if lines:
        attributes.update(inputs=int(lines[:2], 16), outputs=int(lines[2:], 16))
    # IGL of type 0 is on: the status reports sent at the same time confirm it.
    values["ignition"] = subtype == 0 if kind == "IGL" and subtype in (0, 1) else _IGNITION.get(kind, values.get("ignition"))
    values["alarm"] = _EVENTS.get(kind) or _EVENTS_BY_TYPE.get(kind, {}).get(subtype) or _motion_alarm(kind, state)


def _motion_alarm(kind: str, state: str) -> str | None:
    return events.TOW if state == "16" else events.MOVEMENT if kind == "STT" and state in ("12", "42") else None


# --- ASCII ------------------------------------------------------------------------------------------------------------


def _field(pattern: str, convert: Callable[[str], Any] = float, low: float = 0, high: float = 1e9) -> Callable[[str], Any]:
    """A reader of one field, which raises ValueError on what is not ``pattern`` or is not within the limits."""
    matches = re.compile(pattern).fullmatch

    def read(text: str) -> Any:
        value = convert(text) if matches(text) else None
        if value is None or (convert is not str and not low <= value <= high):
            raise ValueError(text)
        return value

    return read


def _seconds(text: str) -> int:
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


_REAL: Final = r"[+-]?\d{1,9}(?:\.\d{1,9})?"
_READERS: Final = {
    "satellites gsm trigger report_type duration_s mode": _field(r"\d{1,9}", int),
    "battery_pct fuel1_pct fuel2_pct fuel3_pct": _field(_REAL, lambda text: int(float(text)), 0, 100),
    "power_v analog1_v analog2_v analog3_v": _field(_REAL, lambda text: float(text) / 1000, 0, 100),
    "report_id inputs outputs": _field("[0-9A-Fa-f]{1,4}", lambda text: int(text, 16)),
    "hdop": _field(_REAL, high=50),
    "speed_kmh": _field(_REAL, high=999.9),
    "course_deg": _field(_REAL, lambda text: 0.0 if text == "360" else float(text), 0, 359.99),
    "altitude_m temperature_c": _field(_REAL, low=-20_000, high=100_000),
    "odometer_km battery_v": _field(_REAL),
    "hour_meter_s": _field(r"\d{1,5}:[0-5]\d:[0-5]\d", _seconds),
    "motion": _field("[01]", lambda text: text == "1"),
    "driver": _field(r"\w{1,32}", str),
    "state": _field("(?:(?:[0-9A-Fa-f]{4})?[0-9A-Fa-f]{4})?[0-9A-Fa-f]{2}", str),
}
_READ: Final = {name: read for names, read in _READERS.items() for name in names.split()}
_FIX_FIELDS: Final = frozenset(Fix.__struct_fields__)

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
    **dict.fromkeys(_IGNITION, ("duration_s",)),
}  # fmt: skip
"""The fields just before the first position of the other reports; "" is not used."""
_GL500: Final = ("battery_pct", "mode", "motion", "temperature_c")
_GL_TAILS: Final = {"40": _GL500, "44": _GL500, "DE": _GL500, "C3": ("battery_pct", "motion", "temperature_c")}
_GV200: Final = ("odometer_km", "hour_meter_s", "analog1_v", "analog2_v", "analog3_v", "inputs", "outputs")


class Report:
    """One ASCII message: its fields, and what is wrong with them."""

    def __init__(self, text: str, source: str, kind: str) -> None:
        self.text = text
        self.source = source
        self.kind = kind
        self.fields = text.split(",")
        self.count = self.fields[-1] if _COUNT.fullmatch(self.fields[-1]) else ""
        self.unreadable = ""
        self.warnings: list[str] = []

    def message(self) -> Message:
        fixes = self._fixes() if self.source in ("RESP", "BUFF") else ()
        device = next((text for text in self.fields[1:3] if _DEVICE.fullmatch(text)), "")
        warnings = tuple(self.warnings)
        return Message(device=device, fixes=fixes, reply=self._reply(), unreadable=self.unreadable, warnings=warnings)

    def _reply(self) -> bytes:
        """The count as written; nothing for a message without one or for the answer to a command."""
        if self.count and self.source in ("RESP", "BUFF"):
            return f"+SACK:{self.count}$".encode()
        if not self.count or (self.source, self.kind) != ("ACK", "HBD"):
            return b""
        version = self.fields[1] if re.fullmatch("[0-9A-Za-z]{6,10}", self.fields[1]) else ""
        return f"+SACK:GTHBD,{version},{self.count}$".encode()

    def _fixes(self) -> tuple[Fix, ...]:
        blocks = list(_BLOCK.finditer(self.text))
        if not blocks:
            if self.kind == "FRI" and any("." in text for text in self.fields[11:13]):
                self.unreadable = "the position is unreadable"
                self.warnings.append(self.unreadable)
            return ()
        places = [self.text.count(",", 0, block.start()) + 1 for block in blocks]
        found = [self._position(block, at) for block, at in zip(blocks, places, strict=True)]
        self._around(found[-1], max(4, places[0] - 4), places[-1] + 7)
        _interpret(found[-1], self.kind)
        return tuple(Fix(**values) for values in found)

    def _put(self, values: Values, names: Iterable[str], texts: Iterable[str]) -> None:
        """Set fields or attributes by their texts; what cannot be read is left out, with a warning."""
        for name, text in zip(names, texts, strict=False):
            if text and name:
                if text[0] == "F" and name.startswith("analog"):  # a fuel sensor's percentage, on the analog input
                    name, text = f"fuel{name[6]}_pct", text[1:]
                try:
                    (values if name in _FIX_FIELDS else values["attributes"])[name] = _READ[name](text)
                except ValueError:
                    self.warnings.append(f"{name} cannot be {text[:40]!r}")

    def _position(self, block: re.Match[str], at: int) -> Values:
        """One position; ``at`` is the field of its longitude."""
        attributes: Values = {"report": self.kind, "buffered": True} if self.source == "BUFF" else {"report": self.kind}
        values = {"time": self._time(block[3]), "lon": float(block[1]), "lat": float(block[2]), "attributes": attributes}
        self._put(values, ("hdop", "speed_kmh", "course_deg", "altitude_m"), self.fields[at - 4 : at] if at > 7 else ())
        # An accuracy of 0 says that the receiver has no fix and repeats the last position it knew.
        values["valid"] = values.get("hdop") != 0
        if block[4]:
            attributes.update(mcc=int(block[4]), mnc=int(block[5]), lac=int(block[6], 16), cell=int(block[7], 16))
        elif self.fields[at + 3] and not _CLOCK.fullmatch(self.fields[at + 3]):
            self.warnings.append("the network cell is unreadable")
        self._put(values, ("odometer_km",), filter(_DECIMAL.fullmatch, self.fields[at + 7 : at + 8]))
        return values

    def _time(self, text: str) -> int | None:
        """GPS time, or the device's clock at the time of sending where there is none."""
        for clock in (text, self.fields[-2] if self.count else ""):
            try:
                if not clock.startswith(_UNSET_CLOCK):
                    return digits_ms(clock)
            except ValueError:
                pass
            self.warnings.append(f"the time cannot be {clock[:40]!r}")
        return None

    def _around(self, values: Values, first: int, after: int) -> None:
        """Read what stands before the first position (at field ``first``) and behind the last one (from field ``after``)."""
        tail = self.fields[after : self._stop(after)]
        code = self.fields[first - 2] if first >= 6 else ""
        if self.kind not in _ROWS:
            self._before(values, first)
            (self._asset_tail if self.kind == "TMP" else self._event_tail)(values, tail)
        elif re.fullmatch("[0-9A-Fa-f]{2}", code):
            values["attributes"].update(report_id=int(code[0], 16), report_type=int(code[1], 16))
            self._vehicle(values, first, tail)
        else:
            ids = self.fields[4 + (self.kind == "ERI") : first][:2]
            self._put(values, ("report_id", "report_type"), [text if len(text) == 1 else "" for text in ids])
            self._asset_tail(values, tail)

    def _stop(self, after: int) -> int:
        """The field of the time of sending; some models write it twice, some leave it empty."""
        stop = len(self.fields) - bool(self.count)
        stop -= not self.fields[stop - 1]
        while stop > after and _CLOCK.fullmatch(self.fields[stop - 1]):
            stop -= 1
        return stop

    def _before(self, values: Values, first: int) -> None:
        if self.kind in ("CAN", "OBD", "DAT"):
            values["attributes"][self.kind.lower()] = ",".join(self.fields[4:first])
        if self.kind == "CAN" and first > 8 and self.fields[6].upper().endswith(("3", "7", "B", "F")):  # mask: VIN, ignition
            values["ignition"] = {"0": False, "1": True, "2": True}.get(self.fields[8])
        names = _BEFORE.get(self.kind, ())
        self._put(values, names, self.fields[first - len(names) : first] if first >= 4 + len(names) else ())

    def _asset_tail(self, values: Values, tail: list[str]) -> None:
        names = _GL_TAILS.get(self.fields[1][:2], ())
        if names and len(tail) > len(names):
            self._put(values, ("gsm",) if names is _GL500 else (), tail)
            self._put(values, names, tail[-len(names) :])
        elif len(tail) > 1:
            # Some models write the mileage where the others write the charge.
            self._put(values, ("odometer_km" if "." in tail[-1] or len(tail[-1]) > 3 else "battery_pct",), tail[-1:])

    def _event_tail(self, values: Values, tail: list[str]) -> None:
        self._put(values, ("hour_meter_s",), [text for text in tail if ":" in text])
        self._put(values, ("odometer_km",), filter(_DECIMAL.fullmatch, tail))

    def _vehicle(self, values: Values, first: int, tail: list[str]) -> None:
        """GV and CV series. The supply is a flag on some models; firmware may append satellites and trigger to a position."""
        self._put(values, ("power_v",), [text for text in self.fields[first - 3 : first - 2] if len(text) > 2])
        if self.kind not in ("FRI", "ERI"):
            self._event_tail(values, tail)
            return
        extras = {"01": ("satellites",), "02": ("trigger",), "03": ("satellites", "trigger")}.get("".join(tail[:1]), ())
        self._put(values, extras, tail[1:])
        rest = self._vehicle_tail(values, tail[1 + len(extras) :])
        if self.kind == "ERI" and re.fullmatch("[0-9A-Fa-f]{8}", self.fields[first - 4]):
            self._one_wire(values["attributes"], rest, int(self.fields[first - 4], 16))

    def _vehicle_tail(self, values: Values, tail: list[str]) -> list[str]:
        """Mileage, hours, analog inputs, then charge and device status (GV200: lines); gives what stands behind them."""
        if self.fields[1][:2] in ("04", "35"):
            self._put(values, _GV200, tail)
            return tail[len(_GV200) :]
        # The number of analog inputs differs by model: the device status shows where they end.
        at = next((at for at in range(3, min(9, len(tail))) if _STATUS.fullmatch(tail[at])), 0)
        at = at or (len(tail) - 4 if self.kind == "FRI" else 0)
        if at < 3:
            return []
        self._put(values, _GV200[: min(4, at - 1)], tail)
        self._put(values, ("battery_pct", "state"), tail[at - 1 :])
        return tail[at + 1 :]

    def _one_wire(self, attributes: Values, rest: list[str], mask: int) -> None:
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
        attributes |= ({"ibuttons": ibuttons} if ibuttons else {}) | ({"temperatures_c": temperatures} if temperatures else {})


# --- HEX --------------------------------------------------------------------------------------------------------------

_HEX_ROWS: Final = {
    1: "TOW", 3: "LBC", 4: "EPS", 5: "DIS", 6: "IOB", 7: "FRI", 8: "GEO", 9: "SPD",
    10: "SOS", 11: "RTL", 12: "DOG", 15: "HBM", 16: "IGL", 17: "IDA", 18: "ERI",
}  # fmt: skip
_HEX_EVENTS: Final = {6: "BPL", 9: "STT", 13: "IGN", 14: "IGF", 15: "UPD", 21: "GSS", 31: "GPJ"}

Layout = tuple[tuple[int, int, str], ...]
"""Bit of the mask that says whether the field is there (32: always), size in bytes, name ("": not used)."""
_FRONT: Final[Layout] = (
    (8, 1, ""), (9, 2, ""), (10, 2, ""), (32, 8, "device"), (11, 1, "battery_pct"), (12, 2, "power_v"), (14, 2, "analog1_v"),
    (26, 1, ""), (17, 1, "inputs"), (26, 1, ""), (17, 1, "outputs"), (18, 1, "state"), (19, 1, "satellites"),
)  # fmt: skip
_POSITION: Final[Layout] = (
    (32, 1, "hdop"), (0, 3, "speed_kmh"), (1, 2, "course_deg"), (2, 2, "altitude_m"), (32, 4, "lon"), (32, 4, "lat"),
    (32, 7, "time"), (3, 2, "mcc"), (3, 2, "mnc"), (3, 2, "lac"), (3, 2, "cell"), (3, 1, ""),
)  # fmt: skip
_BACK: Final[Layout] = ((20, 3, ""), (21, 5, "odometer_km"), (22, 3, ""), (23, 6, ""), (4, 7, "sent"), (5, 2, ""))


def _identity(raw: bytes, named: bool) -> str:
    """The IMEI, two decimal digits a byte and one in the last; or the name, on devices that are set to send that instead."""
    if named:
        name = raw.rstrip(b"\0").decode("latin-1")
        return name if name.isascii() and name.isprintable() else ""
    digits = "".join(f"{byte:02}" for byte in raw)
    return digits[:14] + digits[15:] if len(digits) == 16 and digits[14] == "0" else ""


def _digits(raw: bytes) -> int | None:
    return int(raw.hex()) if raw.hex().isdecimal() else None


def _calendar(raw: bytes) -> int | None:
    try:
        return utc_ms(int.from_bytes(raw[:2]), *raw[2:])
    except ValueError:
        return None


def _scaled(scale: int, signed: bool = False) -> Callable[[bytes], Any]:
    return lambda raw: int.from_bytes(raw, signed=signed) / scale


_HEX_READ: Final[dict[str, Callable[[bytes], Any]]] = {
    "device": bytes, "time": _calendar, "sent": _calendar, "state": lambda raw: raw.hex().upper(), "mcc": _digits, "mnc": _digits,
    "lon": _scaled(10**6, signed=True), "lat": _scaled(10**6, signed=True), "altitude_m": _scaled(1, signed=True),
    "hdop": _scaled(1), "power_v": _scaled(1000), "analog1_v": _scaled(1000),
    "battery_pct": lambda raw: raw[0] if raw[0] <= 100 else None,
    "satellites": lambda raw: raw[0] & 15,  # the high half is the antenna's
    "speed_kmh": lambda raw: int.from_bytes(raw[:2]) + raw[2] / 10,
    "course_deg": lambda raw: float(int.from_bytes(raw) % 360),
    "odometer_km": lambda raw: float(int.from_bytes(raw[:4])),  # the last byte counts tenths or hundredths: sources differ
}  # fmt: skip


def _announced(frame: bytes, layout: Layout) -> list[tuple[int, str]]:
    mask = int.from_bytes(frame[5:9]) | 1 << 32
    return [(size, name) for bit, size, name in layout if mask >> bit & 1]


def _hex_fields(frame: bytes, at: int, layout: Layout) -> Values:
    """The fields that the mask of the frame announces, from byte ``at``."""
    found: Values = {}
    for size, name in _announced(frame, layout):
        if name:
            found[name] = _HEX_READ.get(name, int.from_bytes)(frame[at : at + size])
        at += size
    return found


def _values(found: Values, kind: str, buffered: bool) -> Values:
    attributes = {name: value for name, value in found.items() if name not in _FIX_FIELDS and value is not None}
    attributes |= {"report": kind, "buffered": True} if buffered else {"report": kind}
    return {name: value for name, value in found.items() if name in _FIX_FIELDS} | {"attributes": attributes}


def _hex_message(frame: bytes) -> Message:
    """+RSP, +BSP, +EVT and +BVT, which are not answered. The layouts of the other HEX messages are not public."""
    before, width, behind = (sum(size for size, _ in _announced(frame, layout)) for layout in (_FRONT, _POSITION, _BACK))
    before, behind = 11 + before, len(frame) - 4 - behind
    if frame[2:4] not in (b"SP", b"VT") or before >= behind:
        return Message(device="")
    front, back = _hex_fields(frame, 11, _FRONT), _hex_fields(frame, behind, _BACK)
    # What stands before the number of positions differs by type, so that number is sought from the end.
    number = next((n for n in range(15, 0, -1) if behind - n * width > before and frame[behind - n * width - 1] == n), 0)
    if frame[2:4] == b"SP" and behind - number * width == before + 2:
        front |= {"report_id": frame[before] >> 4, "report_type": frame[before] & 15}
    found = [_hex_fields(frame, behind - n * width, _POSITION) for n in range(number, 0, -1)]
    device = _identity(front.pop("device"), named=bool(frame[8] & 0x40))
    fixes = _hex_fixes(frame, found, back.pop("sent", None), front | back)
    unreadable = "" if number else "no position fits the length of the message"
    return Message(device=device, fixes=fixes, unreadable=unreadable, warnings=(unreadable,) if unreadable else ())


def _hex_fixes(frame: bytes, found: list[Values], sent: int | None, last: Values) -> tuple[Fix, ...]:
    """The positions as fixes; ``last`` belongs to the last of them. Zeros without a fix are no position."""
    kind = (_HEX_ROWS if frame[2:4] == b"SP" else _HEX_EVENTS).get(frame[4], f"{frame[1:4].decode()}{frame[4]}")
    found = [position for position in found if position["hdop"] or position["lat"] or position["lon"]]
    for position in found:
        position["valid"] = position["hdop"] > 0
        position["time"] = position["time"] if position["time"] is not None else sent
    if found:
        found[-1] |= last
    values = [_values(position, kind, frame[1:2] == b"B") for position in found]
    for one in values[-1:]:
        _interpret(one, kind)
    return tuple(Fix(**one) for one in values)


# --- Protocol Pro -----------------------------------------------------------------------------------------------------

_PRO_POSITION: Final = struct.Struct(">BiiIHBH3sB")


def _varying(data: bytes, at: int) -> tuple[int, int]:
    """A number of one byte, or of 15 bits in two where the top bit is set; and where the next one begins."""
    return ((data[at] & 0x7F) << 8 | data[at + 1], at + 2) if data[at] & 0x80 else (data[at], at + 1)


def _pro_message(frame: bytes) -> Message:
    """A report of records. The layout of the heartbeat is not public: it names no device and is not answered."""
    if frame[1] == 0x10:
        return Message(device="")
    at = 7 if frame[4] & 0x80 else 5
    device = frame[at : at + 8].hex()[1:]
    fixes: list[Fix] = []
    unreadable = ""
    try:
        at += 14 + frame[at + 13]
        while at < len(frame) - 4:
            size, _ = _varying(frame, at)
            fixes += _pro_record(frame[at : min(at + size, len(frame) - 4)], frame[0] == 0x2D)
            at += size
    except (IndexError, struct.error):
        unreadable = "a record cannot be read"
    reply = b"+SACK:%04X$" % int.from_bytes(frame[-4:-2])
    device, warnings = device if device.isdecimal() else "", (unreadable,) if unreadable else ()
    return Message(device=device, fixes=tuple(fixes), reply=reply, unreadable=unreadable, warnings=warnings)


def _pro_record(record: bytes, buffered: bool) -> list[Fix]:
    _, at = _varying(record, 0)
    kind, event, at, data = record[at + 6], record[at + 7], at + 8, dict[int, bytes]()
    while at < len(record):
        key, at = _varying(record, at)
        size, at = _varying(record, at)
        data[key] = record[at : at + size]
        at += size
    if 82 not in data:
        return []
    mode, lon, lat, utc, speed, hdop, course, altitude, satellites = _PRO_POSITION.unpack(data[82])
    found: Values = {"time": utc * 1000, "lat": lat / 1e6, "lon": lon / 1e6, "valid": mode >> 2 & 3 == 2}
    found |= {"satellites": satellites, "event": event}
    found |= {"speed_kmh": speed / 10, "hdop": hdop / 10, "altitude_m": int.from_bytes(altitude, signed=True) / 10}
    found |= {"course_deg": float(course % 360), "ignition": {b"\0": False, b"\1": True}.get(data.get(27, b""))}
    found["odometer_km"] = int.from_bytes(data[31]) / 1000 if 31 in data else None
    found["hour_meter_s"] = int.from_bytes(data[34]) if 34 in data else None
    return [Fix(**_values(found, "FRI" if kind == 0x50 else f"{kind:02X}", buffered))] if found["valid"] or lat or lon else []


# --- the stream -------------------------------------------------------------------------------------------------------

_ASCII: Final = (b"+RESP:", b"+BUFF:", b"+ACK:", b"+NACK:")
_LENGTHS: Final[dict[bytes, tuple[tuple[int, int], ...]]] = {
    b"+RSP": ((9, 2),), b"+BSP": ((9, 2),), b"+EVT": ((9, 2),), b"+BVT": ((9, 2),), b"+CAN": ((9, 2),), b"+DAT": ((9, 2),),
    b"+INF": ((7, 2), (9, 2)), b"+BNF": ((7, 2), (9, 2)), b"+CRD": ((6, 2),), b"+BRD": ((6, 2),), b"+LGN": ((6, 2),),
    b"+ACK": ((6, 1),), b"+HBD": ((5, 1),), b"+ATI": ((4, 1),), b"+\0": ((2, 2),), b"-\0": ((2, 2),), b"+\x10": ((2, 1),),
}  # fmt: skip
"""Offset and size of the length of a binary frame, by its header; some models have a longer mask before it."""
_HEADER: Final = re.compile(
    rb"\+(?:RESP|BUFF|N?ACK):|\+(?:RSP|BSP|EVT|BVT|CAN|DAT|INF|BNF|ACK|CRD|BRD|LGN|HBD|ATI)(?=[^:])|[+-]\0|\+\x10"
)
_BEGUN: Final = {header[:size] for header in (*_ASCII, *(header + b":" for header in _LENGTHS)) for size in range(1, len(header))}
_END: Final = re.compile(rb"\$|\0|\+(?:RESP|BUFF|N?ACK):")


def _intact(frame: bytes) -> bool:
    if frame[1] in b"\0\x10":
        return frame[-1] == 0x24 and crc8_nrsc5(frame[:-2]) == frame[-2]
    return frame[-2:] == b"\r\n" and crc16_ccitt_false(frame[4:-4]) == int.from_bytes(frame[-4:-2])


def _parse(frame: bytes) -> Message | None:
    if frame[1] in b"\0\x10":
        return _pro_message(frame)
    if not frame.startswith(_ASCII):
        return _hex_message(frame)
    text = frame.decode("latin-1").rstrip("$\0\r\n")
    head = _HEAD.match(text)
    return Report(text, head[1], head[2]).message() if head else None


@implementer(IDecoder)
class Decoder:
    """Frames out of a stream or datagram. An ASCII message ends with $ or NUL, where the next one begins, or with the stream."""

    max_buffer = 8192

    def __init__(self, transport: Transport, device: str = "") -> None:
        self._device = device
        self._buffer = bytearray()
        self._searched = 1
        self._garbage = 0
        self._lost: dict[str, int] = {}

    @property
    def held(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Message]:
        self._buffer += data
        return self._messages(final=False)

    def end(self) -> Iterator[Message]:
        return self._messages(final=True)

    def _messages(self, final: bool) -> Iterator[Message]:
        while frame := self._frame(final):
            parsed = _parse(frame)
            if parsed and (device := parsed.device or self._device):
                self._device = device
                lost = tuple(f"{what}: {number}" for what, number in self._lost.items())
                self._lost.clear()
                yield replace(parsed, device=device, raw=frame, warnings=lost + parsed.warnings)
            else:
                self._note("messages that name no device" if parsed else "messages without a type")

    def _note(self, what: str, number: int = 1) -> None:
        self._lost[what] = self._lost.get(what, 0) + number

    def _frame(self, final: bool) -> bytes:
        """Take the next whole frame out of the buffer; empty: more bytes are needed."""
        while self._at_header(final):
            size = self._size(final)
            if size == 0:
                break
            if size > 0:
                frame = bytes(self._buffer[:size])
                del self._buffer[:size]
                self._garbage = 0
                return frame
            self._skip(1)
        return b""

    def _at_header(self, final: bool) -> bool:
        found = _HEADER.search(self._buffer)
        begun = (at for at in range(max(0, self.held - 5), self.held) if bytes(self._buffer[at:]) in _BEGUN)
        self._skip(found.start() if found else self.held if final else next(begun, self.held))
        return bool(found)

    def _skip(self, size: int) -> None:
        """Drop what is no message; the ends of lines do not count."""
        dropped = bytes(self._buffer[:size])
        del self._buffer[:size]
        if number := len(dropped.translate(None, b"\r\n\0")):
            self._searched = 1
            self._garbage += number
            self._note("bytes that are no message", number)
        if self._garbage > MAX_GARBAGE:
            raise DecodeError(f"more than {MAX_GARBAGE} bytes without a message", dropped)

    def _size(self, final: bool) -> int:
        """Bytes of the frame at the head of the buffer; 0: more are needed to tell, -1: there is none."""
        return self._text_size(final) if self._buffer.startswith(_ASCII) else self._binary_size(final)

    def _text_size(self, final: bool) -> int:
        end = _END.search(self._buffer, self._searched, self.max_buffer)
        self._searched = 1 if end or final else max(1, self.held - 5)
        if end:
            return end.end() if end[0] in (b"$", b"\0") else end.start()
        if self.held >= self.max_buffer:
            self._note(f"messages longer than {self.max_buffer} bytes")
            return -1
        return self.held if final else 0

    def _binary_size(self, final: bool) -> int:
        """The shortest length that the frame may state and that its checksum confirms."""
        if self.held < 12:
            return -1 if final else 0
        places = _LENGTHS.get(bytes(self._buffer[:4])) or _LENGTHS[bytes(self._buffer[:2])]
        for size in sorted(int.from_bytes(self._buffer[at : at + width]) for at, width in places):
            if self.held < size <= self.max_buffer:
                return -1 if final else 0
            if 12 <= size <= self.max_buffer and _intact(bytes(self._buffer[:size])):
                return size
        self._note("messages with a wrong checksum or length")
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
    return _binary_verdict(data)


def _binary_verdict(data: bytes) -> Verdict:
    if len(data) < 12:
        return Verdict.MORE
    places = _LENGTHS.get(data[:4]) or _LENGTHS[data[:2]]
    sizes = [int.from_bytes(data[at : at + width]) for at, width in places]
    possible = [size for size in sizes if 12 <= size <= Decoder.max_buffer]
    if any(size <= len(data) and _intact(data[:size]) for size in possible):
        return Verdict.YES
    return Verdict.MORE if any(size > len(data) for size in possible) else Verdict.NO


queclink = Vendor(
    name="queclink",
    title="Queclink",
    maker="Queclink Wireless Solutions",
    port=8081,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
)
