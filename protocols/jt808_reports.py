"""What the reports of JT/T 808 devices say: positions, the standard's elements, and what makers add. The frames are in jt808.py.

Layouts: the standard's tables; elements of makers from captures, read only where their length is as known.
Integers are big endian. Times are China's, eight hours ahead of UTC, as the standard has it.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from waygps import events
from waygps.readers import KNOT_KMH, clock, course, divided, integer, latitude, longitude, percent, printable, speed_kmh
from waygps.reading import Reader, Reading, Widths

ZONE_MS = 8 * 3_600_000
POSITION, _short, _pair = Struct(">IIIIhHH6s"), Struct(">H"), Struct(">HH")

# fmt: off
_FLAGS = {
    0: events.SOS, 29: events.CRASH, 30: events.CRASH, 8: events.POWER_CUT, 7: events.LOW_POWER, 1: events.OVERSPEED,
    28: events.TOW, 26: events.TOW, 20: events.GEOFENCE, 21: events.GEOFENCE, 23: events.GEOFENCE, 13: events.OVERSPEED,
    25: events.FUEL_LEAK, 31: events.DOOR, 15: events.VIBRATION, 16: events.TAMPERING, 17: events.TAMPERING,
    19: events.IDLE, **dict.fromkeys((2, 3, 14, 18, 22, 27), events.GENERAL),
    **dict.fromkeys((4, 5, 6, 9, 10, 11, 12, 24), events.FAULT),
}
"""By the bit of the alarm's flags, the graver first."""
_CHANGED = dict.fromkeys((15, 16, 17, 31), events.GENERAL)
"""Bits that mean something else since 2019: a violation, tyres, the blind zone."""
_STATUS = {0: "ignition", 5: "coordinates_encrypted", 10: "relay_cut", 11: "circuit_cut", 12: "doors_locked", 13: "door1"}
_HARSH = {8: events.HARSH_ACCELERATION, 9: events.HARSH_BRAKING, 10: events.HARSH_CORNERING}
_GONE = (("state_c5", 6, events.VIBRATION), ("state_89", 0, events.POWER_CUT), ("state_89", 12, events.TAMPERING))
"""Makers' states in which a bit that is 0 is an alarm."""


def _temperature(raw: int) -> int:
    return -(raw & 0x7FFF) if raw & 0x8000 else raw


_VOLTS10: Widths = ((2, "power_v", divided(10)),)
CHARGE: Widths = ((1, "battery_pct", lambda raw: None if raw == 0xFF else percent(raw)),)
_ITEMS: dict[tuple[int, int], Widths] = {
    (0x01, 4): ((4, "odometer_km", divided(10)),), (0x02, 2): ((2, "fuel_l", divided(10)),),
    (0x03, 2): ((2, "recorder_speed_kmh", divided(10)),), (0x06, 2): ((2, "cabin_temperature_c", _temperature),),
    (0x04, 2): ((2, "alarm_event", None),), (0x25, 4): ((4, "signals", None),), (0x2A, 2): ((2, "io_status", None),),
    (0x30, 1): ((1, "gsm", None),),
    (0x2B, 4): ((2, "analog2", None), (2, "analog1", None)), (0x31, 1): ((1, "satellites", None),),
    (0x56, 2): ((1, "battery_pct", lambda raw: percent(raw * 10)), (1, "", None)), (0x61, 2): ((2, "power_v", divided(100)),),
    (0x69, 2): ((2, "battery_v", divided(100)),), **dict.fromkeys(((0x82, 2), (0xD3, 2), (0xE1, 2), (0xFE, 2)), _VOLTS10),
    **dict.fromkeys(((0x06, 1), (0xD4, 1), (0xE1, 1), (0xE9, 1), (0xFE, 1)), CHARGE), (0xE5, 1): ((1, "motion", bool),),
    (0xE1, 4): ((4, "driver", lambda raw: str(raw) if raw else None),),
    (0xE4, 2): ((1, "charging", lambda raw: raw == 0), *CHARGE),
    (0xE3, 6): ((1, "", None), (1, "battery_pct", percent), (2, "battery_v", divided(100)), (2, "", None)),
    (0xEE, 6): ((1, "gsm", None), (2, "power_v", divided(1000)), (2, "battery_v", divided(1000)), (1, "satellites", None)),
    (0xF1, 4): ((4, "power_v", divided(1000)),), (0xFE, 4): ((4, "odometer_km", divided(1000)),),
    (0xF7, 6): ((4, "battery_v", divided(1000)), (1, "charge_status", None), *CHARGE),
}
"""By tag and length. What is not here is kept as it is."""
_NESTED: dict[tuple[int, int], tuple[str, Reader]] = {
    (0xA8, 1): ("battery_pct", lambda raw: percent(raw[0])), (0xE1, 1): ("battery_pct", lambda raw: percent(raw[0])),
    (0xB2, 10): ("iccid", lambda raw: raw.hex().rstrip("f")),
    (0xCE, 2): ("power_v", integer(100)), (0x2D, 2): ("battery_v", integer(1000)),
    (0x2D, 4): ("power_v", integer(1000)), (0xD5, 15): ("imei", printable),
    (0xC5, 4): ("state_c5", integer()), (0x89, 4): ("state_89", integer()),
}
_TAIL: Widths = (
    (4, "", None), (4, "odometer_km", None), (2, "battery_v", divided(10)), (4, "area_id", None), (1, "gsm", None), (3, "", None),
)
"""What some send in place of items; it is as long as items may be, so items go first."""
_MAKERS: Widths = (
    (1, "speed_kmh", lambda raw: raw * KNOT_KMH), (1, "course_deg", lambda raw: course(raw * 2)), (1, "gsm", None),
    (1, "satellites", None), (4, "odometer_km", None), (1, "battery_pct", lambda raw: percent(raw) if raw <= 100 else None),
)
# fmt: on


class Report(Reading):
    """One position: 28 bytes that the standard has, and items."""

    def location(self, body: bytes, is_2019: int) -> None:
        flags, status, lat, lon, altitude, speed, angle, stamp = POSITION.unpack_from(body)
        self.need("lat", (-lat if status & 4 else lat) / 1_000_000, latitude)
        self.need("lon", (-lon if status & 8 else lon) / 1_000_000, longitude)
        self.put("time", stamp, lambda raw: clock(raw.hex()[:6], raw.hex()[6:], "ymd") - ZONE_MS)
        self.put("speed_kmh", speed / 10, speed_kmh)
        self.put("course_deg", angle, course)
        self.fields |= {"valid": bool(status & 2), "altitude_m": altitude}
        self.bits(status, _STATUS)
        names = _FLAGS | _CHANGED if is_2019 else _FLAGS
        self.alarm(*(name for bit, name in names.items() if flags >> bit & 1))
        self.items(body[POSITION.size :])

    def alarm(self, *found: str) -> None:
        """The first is the fix's, all of them are among the attributes where there are more."""
        alarms = list(dict.fromkeys((*self.attributes.get("alarms", filter(None, [self.fields.get("alarm")])), *found)))
        self.put("alarm", alarms[0] if alarms else None)
        self.put("alarms", alarms if len(alarms) > 1 else None)

    def items(self, data: bytes) -> None:
        at = 0
        while at + 2 <= len(data) and (end := at + 2 + data[at + 1]) <= len(data):
            self.item(data[at], data[at + 2 : end])
            at = end
        if at == 0 and len(data) == 18:
            self.unpack(_TAIL, data)
        elif at < len(data):
            self.warnings.append(f"{len(data) - at} bytes that are no item")
            self.put("tail", data[at:].hex())

    def item(self, tag: int, data: bytes) -> None:
        if layout := _ITEMS.get((tag, len(data))):
            self.unpack(layout, data)
        elif tag in _SPECIAL:
            _SPECIAL[tag](self, data)
        else:
            self.put(f"element_{tag:02x}", data.hex())

    def temperatures(self, data: bytes) -> None:
        for number, (raw,) in enumerate(_short.iter_unpack(data[: len(data) // 2 * 2]), 1):
            if raw != 0xFFFF:
                self.put(f"temperature{number}_c", _temperature(raw) / 10)

    def driving(self, data: bytes) -> None:
        """Harsh driving in the first word; a door in the third."""
        harsh, door = int.from_bytes(data[:2]), int.from_bytes(data[4:6])
        self.alarm(*(name for bit, name in _HARSH.items() if harsh >> bit & 1), *[events.DOOR] * (door & 1))

    def extension(self, data: bytes) -> None:
        """A time zone as text, cells, or elements whose length counts their tag."""
        if data.isascii() and data.decode().isprintable():
            self.put("zone", data, printable)
        elif len(data) >= 3 and int.from_bytes(data[:2]) > 200 and (len(data) - 3) % 5 == 0:
            self.put("cells", data.hex())
        else:
            self.nested(data)

    def nested(self, data: bytes) -> None:
        at = 0
        while at + 4 <= len(data):
            length, tag = _pair.unpack_from(data, at)
            end = at + 2 + length
            if length < 2 or end > len(data):
                self.warnings.append(f"{len(data) - at} bytes that are no element")
                break
            name, read = _NESTED.get((tag, length - 2), (f"element_eb{tag:04x}", bytes.hex))
            self.put(name, data[at + 4 : end], read)
            at = end
        self.alarm(*(name for state, bit, name in _GONE if ~self.attributes.get(state, -1) >> bit & 1))

    def maker(self, body: bytes) -> None:
        """Type 5501: day first, coordinates in degrees and minutes, speed in knots. Layout from captures."""
        stamp, lat, lon = body[:6].hex(), body[6:10].hex(), body[10:15].hex()
        if len(lon) < 10:
            raise IndexError
        flags = int(lon[9], 16)
        self.put("time", stamp, lambda raw: clock(raw[:6], raw[6:]))
        self.need("lat", lat, lambda raw: latitude((1 if flags & 2 else -1) * (int(raw[:2]) + int(raw[2:]) / 600_000)))
        self.need("lon", lon, lambda raw: longitude((1 if flags & 4 else -1) * (int(raw[:3]) + int(raw[3:9]) / 600_000)))
        self.unpack(_MAKERS, body, 15)
        self.fields["valid"] = self.fields.get("satellites", 1) > 0


_SPECIAL: dict[int, Callable[[Report, bytes], None]]
_SPECIAL = {0x51: Report.temperatures, 0x57: Report.driving, 0xEB: Report.extension}
