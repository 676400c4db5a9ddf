"""Teltonika trackers: AVL codecs 8, 8 Extended, 16 and the legacy 7, over TCP and UDP; frames of codecs 12 to 15 are let through.

Layout: Teltonika's "Data Sending Protocols" and the AVL ID lists of the FMB family; codec 7 and its GH3000 ids from captures.
Integers are big endian. Ids mean other things in other families: what is not in the tables is kept as ``io<ID>``, raw.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from math import inf, isfinite
from struct import Struct
from typing import Any, NamedTuple

from msgspec.structs import asdict
from zope.interface import implementer

from waygps import events
from waygps.bits import crc16_arc, utc_ms
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.interfaces import IDecoder, IEncoder, Transport, Verdict
from waygps.vendor import Vendor

MAX_LENGTH = 65536
"""Most bytes from codec id to second count that a frame may announce. Devices send up to 1,280, a few thousand with pictures."""
PING = 0xFF
PANIC = 2  # the highest priority of a record: 0 low, 1 high, 2 panic

_TEXT_CODECS = (0x0C, 0x0D, 0x0E, 0x0F)
_Values = dict[str, Any]
_Convert = Callable[[Any], Any] | None


def _percent(raw: int) -> int:
    if raw > 100:
        raise ValueError(f"{raw} is not a percentage")
    return raw


def _ibutton(raw: int) -> str | None:
    # On the wire the family code comes first; the fob is printed the other way round. 0: no key.
    return raw.to_bytes(8, "little").hex().upper() if raw else None


def _text(value: bytes) -> str:
    text = value.rstrip(b"\0").decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"{value[:40].hex()} is not printable ASCII")
    return text


def _scaled(divisor: int) -> _Convert:
    return lambda raw: raw / divisor


def _signed(width: int, divisor: int, absent: dict[int, str], raw: int) -> float:
    value = raw - (raw >> (8 * width - 1) << 8 * width)
    if value in absent:
        raise ValueError(f"{value} means {absent[value]}")
    return value / divisor if divisor > 1 else value


_DALLAS = {850: "not ready", 2000: "read error", 3000: "not connected", 4000: "id failed", 5000: "not ready"}
# These are 20, 30 and 40 degrees too; but a sensor that is not there says so in every record.
_BLE = {2000: "parse failed", 3000: "not found", 4000: "abnormal"}
_ZONES = (155, 156, 157, 158, 159, 61, 62, 63, 64, 65, 70, 88, *range(91, 100))
_SENSORS = (1, 2, 3, 4)

# fmt: off
_PLAIN = {
    1: "din1", 2: "din2", 3: "din3", 262: "din4", 179: "dout1", 180: "dout2", 380: "dout3", 240: "movement",
    21: "gsm", 205: "cell_id", 206: "area_code", 636: "lte_cell_id", 241: "operator", 237: "network_type", 69: "gnss_status",
    24: "gnss_speed_kmh", 30: "dtc_count", 31: "engine_load_pct", 36: "engine_rpm", 37: "obd_speed_kmh", 41: "throttle_pct",
    48: "fuel_level_pct", 58: "oil_temperature_c", 389: "obd_odometer_km", 81: "can_speed_kmh", 82: "can_pedal_pct",
    85: "can_engine_rpm", 89: "can_fuel_level_pct", 80: "data_mode", 200: "sleep_mode", 391: "private_mode", 250: "trip",
    116: "charger_connected", 303: "instant_movement", 175: "auto_geofence", 236: "alarm_event", 243: "green_driving_ms",
    246: "towing", 247: "crash", 248: "immobilizer", 249: "jamming", 251: "idling", 252: "unplug", 253: "green_driving_type",
    255: "overspeed_kmh", 317: "crash_counter",
}
"""Names of the ids whose values are taken as they are; a name of a Fix's field goes there, any other among the attributes."""

_DIVIDED = {
    9: ("ain1_v", 1000), 6: ("ain2_v", 1000), 10: ("ain2_v", 1000), 66: ("power_v", 1000), 67: ("battery_v", 1000),
    800: ("external_v", 100), 68: ("battery_current_a", 1000), 16: ("odometer_km", 1000), 199: ("trip_odometer_km", 1000),
    87: ("can_mileage_km", 1000), 12: ("fuel_used_l", 1000), 13: ("fuel_rate_l_100km", 100), 83: ("can_fuel_used_l", 10),
    84: ("can_fuel_level_l", 10), 15: ("eco_score", 100), 181: ("pdop", 10), 182: ("hdop", 10), 254: ("green_driving_value", 100),
}
_SIGNED: dict[int, tuple[str, int, dict[int, str]]] = {
    17: ("accelerometer_x_mg", 1, {}), 18: ("accelerometer_y_mg", 1, {}), 19: ("accelerometer_z_mg", 1, {}),
    32: ("coolant_temperature_c", 1, {}), 201: ("lls1_fuel_level", 1, {}), 202: ("lls1_temperature_c", 1, {}),
    203: ("lls2_fuel_level", 1, {}), 204: ("lls2_temperature_c", 1, {}),
    **{24 + n: (f"ble_temperature{n}_c", 100, _BLE) for n in _SENSORS},
    **{71 + n: (f"temperature{n}_c", 10, _DALLAS) for n in _SENSORS},
    **{700 + n: (f"ble_temperature{n}_c", 10, {}) for n in _SENSORS},
    **{10799 + n: (f"eye_temperature{n}_c", 100, {}) for n in _SENSORS},
}
_BY_WIDTH: dict[int, dict[int, tuple[str, _Convert]]] = {
    1: {4: ("din4", None), 113: ("battery_pct", _percent), 239: ("ignition", bool),
        **{key: (f"geofence_zone{zone}", None) for zone, key in enumerate(_ZONES, 1)}},
    2: {11: ("ain3_v", _scaled(1000))},
    4: {4: ("pulse_counter1", None)},
    8: {78: ("driver", _ibutton), 11: ("iccid_1", None), 14: ("iccid_2", None), 75: ("io75", None),
        **{key: (f"temperature{n}_id", "{:016X}".format) for n, key in enumerate((76, 77, 79, 71), 1)}},
}
"""Where the width on the wire tells the meaning of an id; the documented width is binding nowhere else."""

_GH3000: dict[int, tuple[str, _Convert]] = {
    1: ("battery_pct", _percent), 2: ("usb_connected", None), 5: ("uptime_s", None), 240: ("movement", None),
    20: ("hdop", _scaled(10)), 21: ("vdop", _scaled(10)), 22: ("pdop", _scaled(10)),
}
_ALARMS = {
    175: {0: events.GEOFENCE_EXIT, 1: events.GEOFENCE_ENTER}, 236: {1: events.GENERAL}, 246: {1: events.TOW},
    247: dict.fromkeys(range(1, 7), events.CRASH), 249: {1: events.JAMMING}, 251: {1: events.IDLE}, 252: {1: events.POWER_CUT},
    253: {1: events.HARSH_ACCELERATION, 2: events.HARSH_BRAKING, 3: events.HARSH_CORNERING},
    255: dict.fromkeys(range(1, 256), events.OVERSPEED),
    **{zone: {0: events.GEOFENCE_EXIT, 1: events.GEOFENCE_ENTER, 3: events.OVERSPEED} for zone in _ZONES},
}
# fmt: on

# By id: whether the value is a field of the Fix, its name, and what makes it of the raw value.
_Known = dict[int, tuple[bool, str, _Convert]]


def _known(entries: dict[int, tuple[str, _Convert]]) -> _Known:
    return {key: (name in Fix.__struct_fields__, name, convert) for key, (name, convert) in entries.items()}


def _fmb(width: int) -> _Known:
    entries: dict[int, tuple[str, _Convert]] = {key: (name, None) for key, name in _PLAIN.items()}
    entries |= {key: (name, _scaled(divisor)) for key, (name, divisor) in _DIVIDED.items()}
    entries |= {key: (name, partial(_signed, width, divisor, absent)) for key, (name, divisor, absent) in _SIGNED.items()}
    return _known(entries | _BY_WIDTH[width])


class _Layout(NamedTuple):
    """How a codec packs a record."""

    head: Struct  # time to total number of elements
    counter: Struct
    groups: tuple[tuple[Struct, _Known], ...]  # for each width: how an (id, value) pair is packed, and what the ids mean
    variable: bool = False  # a group of elements of variable length follows


_byte, _short, _word, _frame_head, _variable_head = (Struct(f) for f in (">B", ">H", ">I", ">IIB", ">HH"))
_fmb_1, _fmb_2, _fmb_4, _fmb_8 = _fmb(1), _fmb(2), _fmb(4), _fmb(8)
_narrow = ((Struct(">BB"), _fmb_1), (Struct(">BH"), _fmb_2), (Struct(">BI"), _fmb_4), (Struct(">BQ"), _fmb_8))
_wide = ((Struct(">HB"), _fmb_1), (Struct(">HH"), _fmb_2), (Struct(">HI"), _fmb_4), (Struct(">HQ"), _fmb_8))
_texts = _known({256: ("vin", _text), 325: ("vin", _text), 281: ("fault_codes", _text), 387: ("iso6709", _text)})
_codec_7 = _Layout(Struct(">IB"), _byte, tuple((Struct(f">B{code}"), _known(_GH3000)) for code in "BHI"))
_codec_8 = _Layout(Struct(">QBiihHBHBB"), _byte, _narrow)
_codec_8_old = _codec_8._replace(groups=(*_narrow, (Struct(">B16s"), {})))
_codec_8e = _Layout(Struct(">QBiihHBHHH"), _short, _wide, variable=True)
_codec_16 = _Layout(Struct(">QBiihHBHHBB"), _byte, _wide)

_Into = tuple[_Values, _Values]  # where elements go: the attributes, and the fields of the Fix


def _take(pairs: Iterable[tuple[int, Any]], known: _Known, into: _Into, warnings: list[str]) -> None:
    attributes = into[0]
    for key, raw in pairs:
        entry = known.get(key)
        if entry is None:
            attributes[f"io{key}"] = raw if raw.__class__ is int else raw.hex()
            continue
        in_fix, name, convert = entry
        try:
            into[in_fix][name] = convert(raw) if convert else raw
        except ValueError as error:
            warnings.append(f"io{key} ({name}): {error}")


def _elements(data: bytes, at: int, layout: _Layout, into: _Into, warnings: list[str]) -> tuple[int, int]:
    """Take the IO elements of one record; gives their number and where they end."""
    read, size, number = layout.counter.unpack_from, layout.counter.size, 0
    for pair, known in layout.groups:
        (count,) = read(data, at)
        at += size
        if count:
            stop = at + count * pair.size
            _take(pair.iter_unpack(data[at:stop]), known, into, warnings)
            number, at = number + count, stop
    if layout.variable:
        (count,) = read(data, at)
        at += size
        for _ in range(count):
            key, length = _variable_head.unpack_from(data, at)
            at += 4 + length
            _take(((key, data[at - length : at]),), _texts, into, warnings)
        number += count
    return number, at


def _derive(attributes: _Values, warnings: list[str]) -> None:
    """Put together what comes in two elements, take apart what comes in one."""
    if "iccid_2" in attributes and "iccid_1" in attributes:
        first, last = attributes.pop("iccid_1"), attributes.pop("iccid_2")
        if first:
            attributes["iccid"] = f"{first}{last}"
    if code := attributes.get("operator"):
        if 10_000 <= code <= 999_999:
            digits = str(code)
            attributes["mcc"], attributes["mnc"] = int(digits[:3]), int(digits[3:])
        else:
            warnings.append(f"io241 (operator): {code} is not a code of 5 or 6 digits")


def _alarm(event: int, priority: int, attributes: _Values) -> str | None:
    if event not in _ALARMS:
        return None
    _, name, _ = _fmb_1[event]
    alarm = _ALARMS[event].get(attributes.get(name, -1))
    return events.SOS if alarm == events.GENERAL and priority == PANIC else alarm


def _record(layout: _Layout, data: bytes, at: int, warnings: list[str]) -> tuple[Fix, int]:
    """Read one record of codec 8, 8 Extended or 16; gives where it ends too."""
    head = layout.head
    time, priority, lon, lat, altitude, angle, satellites, speed, event, *generation, total = head.unpack_from(data, at)
    fields: _Values = {}
    attributes: _Values = {}
    course = angle if angle < 360 else None
    if course is None:
        warnings.append(f"angle is {angle}, expected 0 to 359")
    number, at = _elements(data, at + head.size, layout, (attributes, fields), warnings)
    if number != total:
        raise DecodeError(f"the record has {number} IO elements, {total} expected", data)
    if attributes:
        _derive(attributes, warnings)
    if event:
        attributes["event"], fields["alarm"] = event, _alarm(event, priority, attributes)
    if priority:
        attributes["priority"] = priority
    if generation:
        (attributes["generation"],) = generation
    measured = {"time": time, "altitude_m": altitude, "speed_kmh": speed, "course_deg": course, "satellites": satellites}
    is_valid = satellites > 0 and (lat != 0 or lon != 0)
    # The elements come last: a device that measures one of these twice means the one with a name.
    values = measured | fields
    return Fix(lat=lat / 10_000_000, lon=lon / 10_000_000, valid=is_valid, attributes=attributes, **values), at


_EPOCH_7 = utc_ms(2007, 1, 1)
_GPS_7: tuple[tuple[Struct, tuple[str, ...]], ...] = (
    *((Struct(">ff"), ("lat", "lon")), (Struct(">h"), ("altitude_m",)), (_byte, ("course_deg",)), (_byte, ("speed_kmh",))),
    *((_byte, ("satellites",)), (Struct(">HH"), ("area_code", "cell_id")), (_byte, ("gsm",)), (_word, ("operator",))),
)
"""The parts of the GPS element, each there when its bit of the mask is set, the lowest bit first."""


def _gps_7(data: bytes, at: int, into: _Into) -> int:
    mask, at = data[at], at + 1
    for bit, (part, names) in enumerate(_GPS_7):
        if mask >> bit & 1:
            for name, value in zip(names, part.unpack_from(data, at), strict=True):
                into[name in Fix.__struct_fields__][name] = value * 360 / 256 if name == "course_deg" else value
            at += part.size
    return at


def _record_7(data: bytes, at: int, warnings: list[str]) -> tuple[Fix | None, int]:
    """Read one record of codec 7; without a position it gives no fix."""
    stamp, mask = _codec_7.head.unpack_from(data, at)
    fields: _Values = {"time": _EPOCH_7 + (stamp & 0x3FFFFFFF) * 1000}
    attributes: _Values = {"priority": stamp >> 30} if stamp >> 30 else {}
    at += _codec_7.head.size
    if mask & 1:
        at = _gps_7(data, at, (attributes, fields))
    layout = _codec_7._replace(groups=tuple(group for bit, group in enumerate(_codec_7.groups, 1) if mask >> bit & 1))
    _, at = _elements(data, at, layout, (attributes, fields), warnings)
    _derive(attributes, warnings)
    if not (isfinite(fields.get("lat", inf)) and isfinite(fields.get("lon", inf))):
        warnings.append("a record without a position")
        return None, at
    fields["valid"] = fields.get("satellites") != 0 and bool(fields["lat"] or fields["lon"])
    return Fix(attributes=attributes, **fields), at


_Reader = Callable[[bytes, int, list[str]], tuple[Fix | None, int]]
_Records = tuple[tuple[Fix, ...], tuple[str, ...]]
_READERS: dict[int, _Reader]
_READERS = {7: _record_7, 8: partial(_record, _codec_8), 0x8E: partial(_record, _codec_8e), 0x10: partial(_record, _codec_16)}
_CODECS = (8, 0x8E, 0x10, 7, *_TEXT_CODECS)


def _walk(data: bytes, reader: _Reader) -> _Records:
    count, body, at = data[1], data[:-1], 2
    fixes: list[Fix] = []
    warnings: list[str] = []
    for number in range(1, count + 1):
        try:
            fix, at = reader(body, at, warnings)
        except (struct.error, IndexError):
            raise DecodeError(f"record {number} of {count} runs past the end of the data", data) from None
        if fix:
            fixes.append(fix)
    if at != len(body):
        raise DecodeError(f"{count} records take {at} bytes, {len(body)} expected", data)
    return tuple(fixes), tuple(dict.fromkeys(warnings))


def _records(data: bytes) -> _Records:
    """Read what goes from codec id to second count; gives the fixes and the warnings."""
    if data[1] != data[-1]:
        raise DecodeError(f"number of data is {data[1]} at the head, {data[-1]} at the tail", data)
    if data[0] in _TEXT_CODECS:
        return (), ()
    try:
        return _walk(data, _READERS[data[0]])
    except DecodeError:
        # Old firmware has one more group in codec 8, of 16 bytes an element, and nothing in the frame announces it.
        if data[0] == 0x08:
            with suppress(DecodeError):
                return _walk(data, partial(_record, _codec_8_old))
        raise


def _check_codec(codec: int, data: bytes) -> None:
    if codec not in _CODECS:
        raise DecodeError(f"codec {codec:02X}, expected one of {bytes(_CODECS).hex(' ').upper()}", data)


def _identification(digits: bytes) -> str:
    if not (8 <= len(digits) <= 16 and digits.isdigit()):
        raise DecodeError(f"identification {digits[:32]!r}, expected 8 to 16 digits", digits)
    return digits.decode()


def _report(device: str, data: bytes, raw: bytes, reply: bytes) -> Message:
    fixes, warnings = _records(data)
    reply = b"" if data[0] in _TEXT_CODECS else reply
    return Message(device=device, fixes=fixes, reply=reply, raw=raw, warnings=warnings)


@implementer(IDecoder)
class Decoder:
    """Decodes one TCP connection (login, then frames and pings) or one UDP datagram (which names its device itself)."""

    max_buffer = MAX_LENGTH + 12

    def __init__(self, transport: Transport = "tcp", device: str = "") -> None:
        self._device = device
        self._udp = transport == "udp"
        self._buffer = bytearray()
        self._needed = 1

    @property
    def held(self) -> int:
        """Bytes held back now."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Give the messages that ``data`` completes, in order."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= self._needed:
            head = bytes(buffer[: _frame_head.size])
            self._needed = size = self._packet_size(head) if self._udp else self._frame_size(head)
            if len(buffer) < size:
                return
            raw = bytes(buffer[:size])
            del buffer[:size]
            self._needed = 1
            if message := self._packet(raw) if self._udp else self._frame(raw):
                yield message

    def end(self) -> Iterable[Message]:
        """Give nothing: what is incomplete was not acknowledged, and the device sends it again."""
        return ()

    def _frame_size(self, head: bytes) -> int:
        """Size of the message that begins so, or of the beginning that is needed to tell."""
        if head[0] == PING:
            return 1
        if len(head) < 2:
            return 2
        if (length := head[0] << 8 | head[1]) == 0:
            return self._data_size(head) if len(head) == _frame_head.size else _frame_head.size
        if not 8 <= length <= 16:
            raise DecodeError(f"login of {length} bytes, expected 8 to 16", head)
        return 2 + length

    def _data_size(self, head: bytes) -> int:
        preamble, length, codec = _frame_head.unpack(head)
        if preamble:
            raise DecodeError(f"preamble {preamble:08X}, expected 00000000", head)
        if not self._device:
            raise DecodeError("data before the login", head)
        if not 3 <= length <= MAX_LENGTH:
            raise DecodeError(f"data length {length}, expected 3 to {MAX_LENGTH}", head)
        _check_codec(codec, head)
        return 12 + int(length)

    def _frame(self, raw: bytes) -> Message | None:
        if raw[0] == PING:
            return None
        if raw[:2] != b"\0\0":
            self._device = _identification(raw[2:])
            return Message(device=self._device, reply=b"\x01", refusal=b"\x00", raw=raw)
        data, (expected,) = raw[8:-4], _word.unpack(raw[-4:])
        if (seen := crc16_arc(data)) != expected:
            raise DecodeError(f"CRC of the data is {seen:04X}, the frame says {expected:08X}", raw)
        return _report(self._device, data, raw, _word.pack(data[1]))

    def _packet_size(self, head: bytes) -> int:
        if len(head) < 2:
            return 2
        if (length := int.from_bytes(head[:2])) < 17:
            raise DecodeError(f"packet length {length}, expected at least 17", head)
        return 2 + length

    def _packet(self, raw: bytes) -> Message:
        start = 8 + int.from_bytes(raw[6:8])
        device, data = _identification(raw[8:start]), raw[start:]
        if len(data) < 3:
            raise DecodeError(f"{len(data)} bytes of data after the identification, expected at least 3", raw)
        _check_codec(data[0], raw)
        return _report(device, data, raw, b"\0\x05" + raw[2:4] + b"\x01" + raw[5:6] + data[1:2])


_SENT = (
    ((239, "B", "ignition", 1), (240, "B", "movement", 1), (21, "B", "gsm", 1)),
    ((66, "H", "power_v", 1000), (67, "H", "battery_v", 1000)),
    ((16, "I", "odometer_km", 1000),),
    (),
)


def _packed(fix: Fix) -> bytes:
    """One record of codec 8, caused by no event."""
    values = {name: value for name, value in (fix.attributes | asdict(fix)).items() if value is not None}
    groups = [[struct.pack(f">B{c}", key, round(values[n] * by)) for key, c, n, by in ios if n in values] for ios in _SENT]
    altitude, angle, speed = (round(values.get(name, 0)) for name in ("altitude_m", "course_deg", "speed_kmh"))
    satellites = (fix.satellites or 8) if fix.valid else 0
    place = (round(fix.lon * 1e7), round(fix.lat * 1e7), altitude, angle % 360, satellites, speed)
    head = _codec_8.head.pack(fix.time or 0, 0, *place, 0, sum(map(len, groups)))
    return head + b"".join(bytes([len(group)]) + b"".join(group) for group in groups)


@implementer(IEncoder)
class Encoder:
    """A pretended device that reports in codec 8: login and frames on TCP, packets with changing ids on UDP."""

    most_fixes = 20

    def __init__(self, device: str, transport: Transport = "tcp") -> None:
        self._login = _short.pack(len(device)) + device.encode()
        self._udp = transport == "udp"
        self._sent = 0

    def hello(self) -> bytes:
        """The login; a datagram needs none."""
        return b"" if self._udp else self._login

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        """One frame, or one packet, of these fixes (at most 255)."""
        count = bytes([len(fixes)])
        data = b"\x08" + count + b"".join(map(_packed, fixes)) + count
        if not self._udp:
            return bytes(4) + _word.pack(len(data)) + data + _word.pack(crc16_arc(data))
        self._sent += 1
        packet = struct.pack(">HBB", self._sent & 0xFFFF, 1, self._sent & 0xFF) + self._login + data
        return _short.pack(len(packet)) + packet


def recognises(data: bytes, transport: Transport) -> Verdict:
    """TCP begins with pings, then the login, or data of which the login was lost; a UDP packet names its device."""
    if transport == "udp":
        return _begins_packet(data)
    data = data.lstrip(b"\xff")
    if len(data) < 2 or data[:2] == b"\0\0":
        return _begins_frame(data)
    size, digits = int.from_bytes(data[:2]), data[2:18]
    return _login_verdict(size, digits[:size])


def _login_verdict(size: int, digits: bytes) -> Verdict:
    """Of an identification that is announced with this size, and what there is of it."""
    if not 8 <= size <= 16 or (digits and not digits.isdigit()):
        return Verdict.NO
    return Verdict.YES if len(digits) == size else Verdict.MORE


def _begins_frame(data: bytes) -> Verdict:
    if len(data) < _frame_head.size:
        return Verdict.MORE if b"\0\0\0\0\0".startswith(data[:5]) else Verdict.NO
    preamble, length, codec = _frame_head.unpack_from(data)
    return Verdict.YES if not preamble and 3 <= length <= MAX_LENGTH and codec in _CODECS else Verdict.NO


def _begins_packet(data: bytes) -> Verdict:
    size, start = int.from_bytes(data[:2]), 8 + int.from_bytes(data[6:8])
    is_packet = 17 <= size <= len(data) - 2 and start < len(data) and data[start] in _CODECS
    return _login_verdict(start - 8, data[8:start]) if is_packet else Verdict.NO


teltonika = Vendor(
    name="teltonika",
    title="Teltonika",
    maker="Teltonika",
    port=8080,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
)
