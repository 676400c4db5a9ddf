"""What GT06's messages say, by their type and content.

Layouts: as in gt06.py, which has the vendor, cuts the frames out of the stream, and answers them.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error
from typing import Final, NamedTuple

from waygps import events
from waygps.bits import utc_ms
from waygps.readers import course, divided, integer, latitude, longitude, percent, printable
from waygps.reading import Reader, Reading, tlv

SCALE: Final = 1_800_000
"""Units of a coordinate in a degree."""
GPS, _modular_gps, _camera_gps, _camera_place = (Struct(f) for f in (">6sBIIBH", ">IBhIIBH", ">6sBIIHHHB", ">6sIIHB"))
_neighbour, _element, _module = (Struct(f) for f in (">H3sB", ">HB", ">HH"))

# fmt: off
_ALARMS = {
    0x01: events.SOS, 0x02: events.POWER_CUT, 0x03: events.VIBRATION, 0x04: events.GEOFENCE_ENTER, 0x05: events.GEOFENCE_EXIT,
    0x06: events.OVERSPEED, 0x09: events.TOW, 0x14: events.DOOR, 0x16: events.GENERAL, 0x23: events.CRASH, 0x53: events.FUEL_LEAK,
    **dict.fromkeys((0x0E, 0x0F), events.LOW_POWER), **dict.fromkeys((0x15, 0x19), events.LOW_BATTERY), 0xC9: events.IDLE,
    **dict.fromkeys((0x10, 0x13, 0x18, 0x25, 0x32), events.TAMPERING), **dict.fromkeys((0x2C, 0xF2), events.CRASH),
    **dict.fromkeys((0x26, 0x29, 0xF0), events.HARSH_ACCELERATION), **dict.fromkeys((0x5B, 0x5C), events.TEMPERATURE),
    **dict.fromkeys((0x1A, 0x27, 0x28, 0x30, 0xF1), events.HARSH_BRAKING),
    **dict.fromkeys((0x1B, 0x2A, 0x2B, 0x2E), events.HARSH_CORNERING),
}
_INFO_ALARMS = {
    1: events.VIBRATION, 2: events.POWER_CUT, 3: events.LOW_BATTERY, 4: events.SOS, 6: events.GEOFENCE, 7: events.TAMPERING,
}
_CAMERA_ALARMS = {
    0x01: events.SOS, 0x0E: events.LOW_POWER, 0x76: events.TEMPERATURE, 0x80: events.VIBRATION, 0x87: events.OVERSPEED,
    0x88: events.POWER_CUT, 0x90: events.HARSH_ACCELERATION, 0x91: events.HARSH_BRAKING, 0x92: events.HARSH_CORNERING,
    0x93: events.CRASH,
}
_INFO_BITS = {0: "armed", 1: "ignition", 2: "charging", 6: "gps_tracking", 7: "relay_cut"}
_ACC_ON, _ACC_OFF, _WEAK = 0xFE, 0xFF, 0x19
# fmt: on


def _level(raw: int) -> int:
    """Charge in percent, which devices send as a level of 0 to 6, and clones as it is."""
    return raw * 100 // 6 if raw <= 6 else percent(raw)


def _hex8(raw: int) -> str | None:
    return f"{raw:016x}" if raw else None


def _time(raw: bytes) -> int:
    if not raw[0]:
        raise ValueError("the year is not set")
    return utc_ms(2000 + raw[0], *raw[1:6])


def _is_time(raw: bytes) -> bool:
    return len(raw) == 6 and raw[0] > 4 and 1 <= raw[1] <= 12 and 1 <= raw[2] <= 31 and raw[3] < 24


# fmt: off
_Field = tuple[int, str, Reader | None]
_Fields = tuple[_Field, ...]
_INFO, _CHARGE, _GSM, _ALARM = (1, "info", None), (1, "battery_pct", _level), (1, "gsm", None), (1, "alarm_code", None)
_LANGUAGE, _RSSI, _METRES = (1, "language", None), (1, "rssi", None), (4, "odometer_km", divided(1000))
_SUPPLY, _BATTERY, _ALTITUDE = (2, "power_v", divided(100)), (1, "battery_v", divided(10)), (2, "altitude_m", None)
_MCC, _MNC, _TAG = (2, "mcc", lambda raw: raw & 0x7FFF), (1, "mnc", None), (8, "driver", _hex8)
_MOVE: _Fields = ((1, "ignition", bool), (1, "upload_mode", None), (1, "buffered", bool))
_STATUS: _Fields = (_INFO, _CHARGE, _GSM, _ALARM, _LANGUAGE)
_POWER: _Fields = (_INFO, _SUPPLY, _GSM, (1, "", None))
_CARD: _Fields = ((1, "card_alarm", None), (1, "card_status", None), (2, "driving_time_min", None))
_TAILS: dict[int, _Fields] = {3: _MOVE, 4: (_METRES,), 7: (*_MOVE, _METRES)}
"""What follows the cell where nothing else is known of the message, by its length."""

_MODULES: dict[int, tuple[str, Reader]] = {
    0x03: ("iccid", bytes.hex), 0x09: ("satellites", integer()), 0x0A: ("visible_satellites", integer()),
    0x18: ("battery_v", integer(100)), 0x28: ("hdop", integer(10)), 0x2E: ("odometer_km", integer(1000, "little")),
    0x2A: ("tamper", integer()), 0x2B: ("boot_reason", integer()), 0x34: ("event", bytes.hex),
}
_ELEMENTS: dict[int, tuple[str, Reader]] = {
    0x18: ("battery_v", integer(100)), 0x27: ("power_v", integer(100)), 0x2E: ("odometer_km", integer(1000)),
    0x32: ("startup_status", integer()), 0x3B: ("accuracy_m", integer(100)), 0x6A: ("battery_pct", lambda raw: percent(raw[0])),
}
# fmt: on


class _Report(Reading):
    """What the messages of this protocol are made of."""

    def gps(self, data: bytes) -> None:
        stamp, satellites, lat, lon, speed, word = GPS.unpack_from(data)
        self.put("time", stamp, _time)
        self.fields |= {"satellites": satellites & 15, "speed_kmh": speed}
        self.place(lat, lon, word)

    def place(self, lat: int, lon: int, word: int) -> None:
        """The coordinates, and the word that says their signs, whether they are a fix, and the course."""
        self.need("lat", (lat if word & 0x400 else -lat) / SCALE, latitude)
        self.need("lon", (-lon if word & 0x800 else lon) / SCALE, longitude)
        self.fields["valid"] = bool(word & 0x1000 and (lat or lon))
        self.put("course_deg", word & 0x3FF, course)
        if word & 0x4000:
            self.fields["ignition"] = bool(word & 0x8000)

    def cell(self, data: bytes, at: int = 0, area: int = 2, cell: int = 3) -> int:
        """The serving cell; gives where it ends. The highest bit of the country says that the network has two bytes."""
        mcc = int.from_bytes(data[at : at + 2])
        end = at + 3 + (mcc >> 15) + area + cell
        if end > len(data):
            self.warnings.append("the cell is cut off")
        elif mcc & 0x7FFF:
            self.unpack((_MCC, (1 + (mcc >> 15), "mnc", None), (area, "area_code", None), (cell, "cell_id", None)), data, at)
        return end

    def sized_cell(self, data: bytes, at: int) -> int:
        """The cell behind its length, which counts itself; gives where it ends."""
        length = int.from_bytes(data[at : at + 1])
        if length in (0, 8):
            return at + 1 + (8 if len(data) >= at + 14 else 0)
        if length in (16, 17):
            return self.cell(data, at + 1, 4, 8)
        # With a long cell id the level of the signal follows, uncounted.
        return self.cell(data, at + 1, 2, 4) + 1 if length == 10 else self.cell(data, at + 1)

    def typed_cell(self, data: bytes) -> None:
        """The cell whose widths depend on the kind of network, then elements."""
        at = self.unpack((*_MOVE[1:], (1, "network_type", None)), data)
        is_lte = self.attributes.get("network_type", 0) >= 3
        at = self.cell(data, at, 4, 8) if is_lte else self.cell(data, at)
        self.short_elements(data[self.unpack(((1 + is_lte, "rssi", None),), data, at) :])

    def cells(self, data: bytes) -> None:
        """The serving cell and up to six others, each with its level; area code 0: there is none."""
        at = self.unpack((_MCC, _MNC), data)
        found = list(_neighbour.iter_unpack(data[at : at + min(len(data) - at, 42) // 6 * 6]))
        cells = [{"area_code": area, "cell_id": int.from_bytes(cell), "rssi": rssi} for area, cell, rssi in found if area]
        self.put("cells", cells or None)

    def short_elements(self, data: bytes) -> None:
        self.tagged(_ELEMENTS, tlv(data, _element, self))

    def card(self, data: bytes) -> None:
        """A driver's card behind its length, blanks or 0 for none; then an alarm and how the card is."""
        end = 1 + data[0]
        self.put("driver", data[1:end].strip(b" 0") and data[1:end], printable)
        self.unpack(_CARD if len(data) > end + 2 else _CARD[:2], data, end)
        self.put("alarm", events.GENERAL if self.attributes.get("card_alarm") == 1 else None)

    def tag(self, data: bytes) -> None:
        """A driver's tag behind its length and type, as text between STX and ETX."""
        self.put("driver", data[2 : 1 + data[0]].strip(b"\2\3"), printable)

    def heartbeat(self, data: bytes) -> None:
        # R11: volts in two bytes, then the signal as a level of 1 to 4; elsewhere the signal is before what is mostly 0.
        is_volts = len(data) == 5 and data[2] > 4 and 1 <= data[3] <= 4 and not data[4]
        self.unpack(_POWER if is_volts else _STATUS[:3], data)

    def information(self, data: bytes) -> None:
        """The supply; what else there is says nothing of a vehicle's state."""
        if data[:1] in (b"\0", b"\x0b") and len(data) == 3:
            self.unpack((_SUPPLY,), data, 1)

    def camera(self, data: bytes) -> None:
        """A dashcam's event: alone, with a position, or with a position, its speed, and the supply."""
        if len(data) == 7:
            event = data[6]
        elif data[:2] == b"\xff\xff":
            stamp, satellites, lat, lon, word, speed, volts, event = _camera_gps.unpack_from(data, 3)
            self.fields |= {"satellites": satellites & 15, "speed_kmh": speed, "power_v": volts / 10}
        else:
            stamp, lat, lon, word, event = _camera_place.unpack_from(data)
        if len(data) != 7:
            self.put("time", stamp, _time)
            self.place(lat, lon, word)
        self.put("event", event)
        self.put("alarm", events.GENERAL if len(data) == 7 and event == 1 else _CAMERA_ALARMS.get(event))

    def obd(self, data: bytes) -> None:
        """Time, ignition, the values of the diagnosis as text, and at the end the rest of the position."""
        self.gps(data[:6] + data[-12:])
        self.put("ignition", data[6], bool)
        self.put("obd", data[7:-12], printable)

    def az735(self, data: bytes) -> None:
        """Time, length of the position (0 or 12), the rest of the position, the cell, the signal."""
        if data[6]:
            self.gps(data[:6] + data[7:19])
        self.unpack((_GSM,), data, self.sized_cell(data, 7 + data[6]))

    def modules(self, data: bytes) -> None:
        for key, value in tlv(data, _module, self):
            if key == 0x33 and any(value):
                stamp, satellites, altitude, lat, lon, speed, word = _modular_gps.unpack(value)
                self.put("time", stamp * 1000 or None)
                self.fields |= {"satellites": satellites, "altitude_m": altitude, "speed_kmh": speed}
                self.place(lat, lon, word)
            elif key == 0x11:
                self.cell(value)
            else:
                self.tagged(_MODULES, ((key, value),))

    def location(self, kind: int, data: bytes) -> None:
        """A position and what follows it by its form."""
        self.gps(data)
        form = _FORMS.get((kind, min(len(data), 108))) or _FORMS[kind, 0]
        at = self.unpack(form.head, data, GPS.size)
        if form.cell != (0, 0):
            at = self.cell(data, at, *form.cell) if form.cell else self.sized_cell(data, at)
        at = self.unpack(_TAILS.get(len(data) - at, ()) if form.tail is None else form.tail, data, at)
        if rest := data[at:]:
            form.rest(self, rest) if form.rest else self.put("tail", rest.hex())

    def settle(self, kind: int) -> None:
        """Make of the status what it says: flags, and one alarm."""
        language, code = self.attributes.pop("language", 0), self.attributes.pop("alarm_code", 0)
        if (info := self.attributes.pop("info", None)) is not None:
            self.bits(info, _INFO_BITS)
        if (mask := self.attributes.pop("mask", None)) is not None:
            self.bits(mask, {15: "ignition", 14: "din2"})
        if kind in _WIDE_CODES and language != 0xFF:
            code |= language >> 4 << 8
        self.put("alarm_code", code or None)
        if code in (_ACC_ON, _ACC_OFF):
            self.fields["ignition"] = code == _ACC_ON
        # Harsh acceleration has the code of a weak battery on some: a battery that is not weak tells them apart.
        is_strong = code == _WEAK and self.fields.get("battery_pct", 0) > 50
        alarm = _ALARMS.get(code) if code else _INFO_ALARMS.get((info or 0) >> 3 & 7)
        self.put("alarm", events.HARSH_ACCELERATION if is_strong else alarm)


_Read = Callable[[_Report, bytes], object]


class _Form(NamedTuple):
    """What follows the time, the place and the word of a report: fields, the cell, more fields, and what is no integer."""

    cell: tuple[int, int] | None = (2, 3)
    """Bytes of area code and cell id; None: the length is before it; 0: there is none."""
    tail: _Fields | None = None
    rest: _Read | None = None
    head: _Fields = ()


def _all(form: _Form, *kinds: int, size: int = 0) -> dict[tuple[int, int], _Form]:
    return dict.fromkeys(((kind, size) for kind in kinds), form)


# fmt: off
_NONE = (0, 0)
_FORMS: dict[tuple[int, int], _Form] = {
    **_all(_Form(), 0x12, 0x22, 0x2D, 0x0812), **_all(_Form(_NONE), 0x10, 0x11), (0xA0, 0): _Form((4, 8)),
    **_all(_Form(_NONE, (), lambda report, data: report.put("phone", data[:21], printable)), 0x1A, 0x2A),
    (0x11, 28): _Form(_NONE, (_MCC, (2, "mnc", None), (2, "area_code", None), (4, "cell_id", None))),
    (0x12, 28): _Form(tail=((2, "mask", None),)), (0x12, 31): _Form(tail=_POWER),
    (0x12, 38): _Form(tail=(
        *_POWER[:3], _ALARM, (2, "fuel_level", None), (1, "temperature_c", lambda raw: -(raw & 127) if raw > 127 else raw),
        (4, "odometer_km", divided(100)),
    )),
    **dict.fromkeys(((0x12, 36), (0x12, 108)), _Form(tail=(_METRES,), rest=_Report.card)),
    (0x22, 42): _Form((2, 4), (*_MOVE, _METRES)), (0x31, 0): _Form((2, 4), (_RSSI, *_MOVE, _METRES, _ALTITUDE)),
    **_all(_Form(None, (_INFO, _SUPPLY, _BATTERY, _GSM, *_STATUS[3:], _METRES, (2, "", None)), _Report.tag), 0x0F22, 0x0F25),
    (0x0434, 0): _Form((2, 4), ((4, "", None), _SUPPLY, (2, "battery_v", divided(100))), head=(*_MOVE, _METRES)),
    (0x17, 0): _Form(tail=(_TAG, (1, "", None))), (0x1E, 0): _Form(_NONE, (), _Report.cells),
    (0x36, 0): _Form((2, 4), (*_MOVE, _METRES, _SUPPLY, _BATTERY, (3, "", None), _TAG)),
    (0x37, 0): _Form(tail=_MOVE, rest=_Report.short_elements), (0x38, 0): _Form(_NONE, (), _Report.typed_cell),
    (0xA2, 0): _Form((4, 8), ((1, "", None), _INFO, _SUPPLY, *_STATUS[1:], _METRES)),
    **_all(_Form(None, _STATUS), 0x16, 0x26, 0x32, 0xA3), **_all(_Form(None, (*_STATUS, _METRES)), 0x16, 0x26, size=36),
    **_all(_Form(None, (*_STATUS, (1, "fence", None))), 0x27, 0x39, 0xA4), (0x16, 31): _Form(tail=_POWER),
    (0x16, 33): _Form(None, (_INFO, (2, "battery_pct", _level), *_STATUS[2:])), (0x32, 36): _Form(None, (*_STATUS, _ALTITUDE)),
}
"""By the type and the length of the content. Bits 8 to 15 of the type: what leads before the report, as in _LEADS."""
_LEADS = {0x12: 8, 0x22: 15, 0x25: 15, 0x34: 4}
"""Bytes that some devices have before the report: the IMEI, or 01, the IMEI and a time, or zeros."""
_LOCAL = (0x10, 0x11, 0x12, 0x16, 0x18)
"""Types whose time is the device's local one."""
_WIDE_CODES = (0x27, 0x39, 0xA4)
"""Types whose language has the higher half of the alarm's code in its own."""
_AMBIGUOUS = (0x17, 0x36, 0xA2, 0xA3)
"""Types that also have another content, without a position."""
_OTHERS: dict[tuple[bool, int], _Read] = {
    (False, 0x13): _Report.heartbeat, (False, 0x94): lambda report, data: report.unpack((_SUPPLY,), data),
    (False, 0x23): lambda report, data: report.unpack((_INFO, (2, "battery_v", divided(100)), _GSM), data),
    (False, 0x36): lambda report, data: report.short_elements(data[report.unpack(_STATUS, data) :]),
    (False, 0x19): lambda report, data: report.unpack(_STATUS, data, report.cell(data)) if len(data) == 13 else None,
    (False, 0xA5): lambda report, data: report.unpack(_STATUS, data, report.cell(data, 0, 4, 8)),
    (False, 0x95): _Report.camera, (True, 0x95): _Report.camera, (True, 0x94): _Report.information,
    (True, 0x32): _Report.az735, (True, 0x33): _Report.az735, (True, 0x70): _Report.modules, (True, 0x8C): _Report.obd,
}
"""What is no location by _FORMS, by whether the frame is the wide one, and the type."""
LOCATIONS: Final = frozenset(kind for kind, _ in _FORMS)
"""Types, as in _FORMS, that are a position or can be one."""
KINDS: Final = frozenset(kind & 0xFF for kind in LOCATIONS) | {kind for _, kind in _OTHERS}
"""Types of which something is read."""
# fmt: on


def lead_of(kind: int, content: bytes) -> int:
    """Bytes before the report, as in _LEADS."""
    lead = _LEADS.get(kind, 0)
    return lead if lead and not _is_time(content[:6]) and _is_time(content[lead : lead + 6]) else 0


def _is_location(kind: int, content: bytes, is_wide: bool) -> bool:
    if (kind, 0) not in _FORMS or (is_wide and (is_wide, kind) in _OTHERS):
        return False
    if kind in _AMBIGUOUS:
        return len(content) > 6 and content[6] >> 4 == 0xC
    # Type 11 without satellites is time and cell.
    return len(content) >= 16 if kind == 0x11 else bool(content)


def read(kind: int, lead: int, content: bytes, is_wide: bool, zone: int) -> Reading:
    """The report in a message; ``lead``: as ``lead_of`` says; ``zone``: milliseconds by which local time is ahead of UTC."""
    reading = _Report()
    try:
        if _is_location(kind | lead << 8, content, is_wide):
            reading.location(kind | lead << 8, content[lead:])
        elif other := _OTHERS.get((is_wide, kind)):
            other(reading, content)
    except (error, IndexError):
        reading.unreadable = "the position is cut off"
    if kind in _LOCAL and "time" in reading.fields:
        reading.fields["time"] -= zone
    reading.settle(kind)
    return reading
