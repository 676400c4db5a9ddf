"""Queclink's binary formats, HEX reports and Protocol Pro, and what all formats have in common: events and device status.

Layouts: as in queclink.py, which has the vendor and cuts the frames out of the stream.
"""

from __future__ import annotations

import struct
from typing import Final

from waygps import events
from waygps.bits import crc8_nrsc5, crc16_ccitt_false, utc_ms
from waygps.elements import Masked, announced, take_announced
from waygps.fix import Message
from waygps.reading import Reader, Reading, message

LONGEST: Final = 8192
"""Bytes of a message of any format, at most."""
LENGTHS: Final[dict[bytes, tuple[tuple[int, int], ...]]] = {
    b"+RSP": ((9, 2),), b"+BSP": ((9, 2),), b"+EVT": ((9, 2),), b"+BVT": ((9, 2),), b"+CAN": ((9, 2),), b"+DAT": ((9, 2),),
    b"+INF": ((7, 2), (9, 2)), b"+BNF": ((7, 2), (9, 2)), b"+CRD": ((6, 2),), b"+BRD": ((6, 2),), b"+LGN": ((6, 2),),
    b"+ACK": ((6, 1),), b"+HBD": ((5, 1),), b"+ATI": ((4, 1),), b"+\0": ((2, 2),), b"-\0": ((2, 2),), b"+\x10": ((2, 1),),
}  # fmt: skip
"""Offset and size of the length of a binary frame, by its header; some models have a longer mask before it."""

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
IGNITION: Final = {"IGN": True, "VGN": True, "IGF": False, "VGF": False}


def interpret(reading: Reading, kind: str) -> None:
    """Set ignition, motion, lines and alarm from the device status (MM, or MMIIOO in hex), the kind of report and its type."""
    fields, attributes = reading.fields, reading.attributes
    subtype, status = attributes.get("report_type", -1), attributes.get("state", "")
    state, lines = (status[-6:-4], status[-4:]) if len(status) > 2 else (status, "")
    if state:
        attributes.update(state=state, motion=state[1] in "26Aa")
        fields["ignition"] = {"1": False, "2": True}.get(state[0])
    if lines:
        attributes.update(inputs=int(lines[:2], 16), outputs=int(lines[2:], 16))
    # IGL of type 0 is on: the status reports sent at the same time confirm it.
    fields["ignition"] = subtype == 0 if kind == "IGL" and subtype in (0, 1) else IGNITION.get(kind, fields.get("ignition"))
    moved = events.TOW if state == "16" else events.MOVEMENT if kind == "STT" and state in ("12", "42") else None
    fields["alarm"] = _EVENTS.get(kind) or _EVENTS_BY_TYPE.get(kind, {}).get(subtype) or moved


def sizes(frame: bytes) -> list[int]:
    """The lengths that a binary frame may state, the shortest first."""
    places = LENGTHS.get(frame[:4]) or LENGTHS[frame[:2]]
    stated = sorted(int.from_bytes(frame[at : at + width]) for at, width in places)
    return [size for size in stated if 12 <= size <= LONGEST]


def intact(frame: bytes) -> bool:
    """Whether the checksum and the end of a binary frame are right."""
    if frame[1] in b"\0\x10":
        return frame[-1] == 0x24 and crc8_nrsc5(frame[:-2]) == frame[-2]
    return frame[-2:] == b"\r\n" and crc16_ccitt_false(frame[4:-4]) == int.from_bytes(frame[-4:-2])


def binary_message(frame: bytes) -> Message:
    """What an intact binary frame says; without a device where it names none."""
    return _pro_message(frame) if frame[1] in b"\0\x10" else _hex_message(frame)


_HEX_ROWS: Final = {
    1: "TOW", 3: "LBC", 4: "EPS", 5: "DIS", 6: "IOB", 7: "FRI", 8: "GEO", 9: "SPD",
    10: "SOS", 11: "RTL", 12: "DOG", 15: "HBM", 16: "IGL", 17: "IDA", 18: "ERI",
}  # fmt: skip
_HEX_EVENTS: Final = {6: "BPL", 9: "STT", 13: "IGN", 14: "IGF", 15: "UPD", 21: "GSS", 31: "GPJ"}


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


def _scaled(scale: int, signed: bool = False) -> Reader:
    return lambda raw: int.from_bytes(raw, signed=signed) / scale


# Bit of the mask (32: always there), size in bytes, name.
_FRONT: Final[Masked] = (
    (8, 1, "", None), (9, 2, "", None), (10, 2, "", None), (32, 8, "device", None),
    (11, 1, "battery_pct", lambda raw: raw[0] if raw[0] <= 100 else None), (12, 2, "power_v", _scaled(1000)),
    (14, 2, "analog1_v", _scaled(1000)), (26, 1, "", None), (17, 1, "inputs", int.from_bytes), (26, 1, "", None),
    (17, 1, "outputs", int.from_bytes), (18, 1, "state", lambda raw: raw.hex().upper()),
    (19, 1, "satellites", lambda raw: raw[0] & 15),  # the high half is the antenna's
)  # fmt: skip
_POSITION: Final[Masked] = (
    (32, 1, "hdop", _scaled(1)), (0, 3, "speed_kmh", lambda raw: int.from_bytes(raw[:2]) + raw[2] / 10),
    (1, 2, "course_deg", lambda raw: float(int.from_bytes(raw) % 360)), (2, 2, "altitude_m", _scaled(1, signed=True)),
    (32, 4, "lon", _scaled(10**6, signed=True)), (32, 4, "lat", _scaled(10**6, signed=True)), (32, 7, "time", _calendar),
    (3, 2, "mcc", _digits), (3, 2, "mnc", _digits), (3, 2, "lac", int.from_bytes), (3, 2, "cell", int.from_bytes),
    (3, 1, "", None),
)  # fmt: skip
_BACK: Final[Masked] = (
    (20, 3, "", None), (21, 5, "odometer_km", lambda raw: float(int.from_bytes(raw[:4]))),  # the last byte: sources differ
    (22, 3, "", None), (23, 6, "", None), (4, 7, "sent", _calendar), (5, 2, "", None),
)  # fmt: skip


def _hex_message(frame: bytes) -> Message:
    """+RSP, +BSP, +EVT and +BVT, which are not answered. The layouts of the other HEX messages are not public."""
    mask = int.from_bytes(frame[5:9]) | 1 << 32
    front, position, back = (announced(layout, mask) for layout in (_FRONT, _POSITION, _BACK))
    before, width, behind = (sum(size for size, _, _ in fields) for fields in (front, position, back))
    before, behind = 11 + before, len(frame) - 4 - behind
    if frame[2:4] not in (b"SP", b"VT") or before >= behind:
        return Message(device="")
    last = Reading()
    take_announced(last, frame, 11, front)
    take_announced(last, frame, behind, back)
    # What stands before the number of positions differs by type, so that number is sought from the end.
    count = next((n for n in range(15, 0, -1) if behind - n * width > before and frame[behind - n * width - 1] == n), 0)
    if frame[2:4] == b"SP" and behind - count * width == before + 2:
        last.attributes.update(report_id=frame[before] >> 4, report_type=frame[before] & 15)
    device = _identity(last.attributes.pop("device"), named=bool(frame[8] & 0x40))
    found = [Reading() for _ in range(count)]
    for n, reading in enumerate(found):
        take_announced(reading, frame, behind - (count - n) * width, position)
    if not count:
        last.unreadable = "no position fits the length of the message"
        last.warnings.append(last.unreadable)
    return message(_hex_readings(frame, found, last), device)


def _hex_readings(frame: bytes, found: list[Reading], last: Reading) -> list[Reading]:
    """The positions; what ``last`` says belongs to the last of them. Zeros without a fix are no position."""
    kind = (_HEX_ROWS if frame[2:4] == b"SP" else _HEX_EVENTS).get(frame[4], f"{frame[1:4].decode()}{frame[4]}")
    sent = last.attributes.pop("sent", None)
    found = [reading for reading in found if any(reading.fields[name] for name in ("hdop", "lat", "lon"))]
    for reading in found:
        reading.fields["valid"] = reading.fields["hdop"] > 0
        reading.fields.setdefault("time", sent)
    if found:
        found[-1].fields |= last.fields
        found[-1].attributes |= last.attributes
    for reading in found:
        reading.attributes |= {"report": kind, "buffered": True} if frame[1:2] == b"B" else {"report": kind}
    interpret((found or [last])[-1], kind)
    return found or [last]


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
    readings = []
    try:
        at += 14 + frame[at + 13]
        while at < len(frame) - 4:
            size, _ = _varying(frame, at)
            readings.append(_pro_record(frame[at : min(at + size, len(frame) - 4)], frame[0] == 0x2D))
            at += size
    except (IndexError, struct.error):
        readings.append(Reading())
        readings[-1].unreadable = "a record cannot be read"
        readings[-1].warnings.append("a record cannot be read")
    return message(readings, device if device.isdecimal() else "", b"+SACK:%04X$" % int.from_bytes(frame[-4:-2]))


def _pro_record(record: bytes, buffered: bool) -> Reading:
    _, at = _varying(record, 0)
    kind, event, at, data = record[at + 6], record[at + 7], at + 8, dict[int, bytes]()
    while at < len(record):
        key, at = _varying(record, at)
        size, at = _varying(record, at)
        data[key] = record[at : at + size]
        at += size
    reading = Reading()
    if 82 not in data:
        return reading
    mode, lon, lat, utc, speed, hdop, direction, altitude, satellites = _PRO_POSITION.unpack(data[82])
    reading.fields = {"time": utc * 1000, "valid": mode >> 2 & 3 == 2, "satellites": satellites, "speed_kmh": speed / 10}
    reading.fields |= {"altitude_m": int.from_bytes(altitude, signed=True) / 10, "course_deg": float(direction % 360)}
    reading.fields |= {"hdop": hdop / 10, "ignition": {b"\0": False, b"\1": True}.get(data.get(27, b""))}
    if reading.fields["valid"] or lat or lon:
        reading.fields.update(lat=lat / 1e6, lon=lon / 1e6)
    reading.attributes = {"report": "FRI" if kind == 0x50 else f"{kind:02X}", "event": event}
    reading.put("buffered", buffered or None)
    reading.put("odometer_km", int.from_bytes(data[31]) / 1000 if 31 in data else None)
    reading.put("hour_meter_s", int.from_bytes(data[34]) if 34 in data else None)
    return reading
