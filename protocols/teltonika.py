"""Teltonika trackers: AVL codecs 8, 8 Extended, 16 and the legacy 7, over TCP and UDP; frames of codecs 12 to 15 are let through.

Layout: Teltonika's "Data Sending Protocols" and the AVL ID lists of the FMB family; codec 7 and its GH3000 ids from captures.
Integers are big endian. Ids mean other things in other families: what is not in the tables is kept as ``io<ID>``, raw.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from math import inf, isfinite
from struct import Struct

from zope.interface import implementer

from waygps import events
from waygps.bits import crc16_arc, utc_ms
from waygps.elements import Layout, Masked, announced, groups, network, packed, scaled, signed, take, take_announced
from waygps.errors import DecodeError
from waygps.fix import Attributes, Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IEncoder, Transport, Verdict
from waygps.readers import ascii_text, percent
from waygps.reading import Elements, Reader, Reading, known, message
from waygps.vendor import Sample, Vendor

MAX_LENGTH = 65536
"""Most bytes from codec id to second count that a frame may announce. Devices send up to 1,280, a few thousand with pictures."""
PING = 0xFF
PANIC = 2  # the highest priority of a record: 0 low, 1 high, 2 panic

_TEXT_CODECS = (0x0C, 0x0D, 0x0E, 0x0F)


def _ibutton(raw: int) -> str | None:
    # On the wire the family code comes first; the fob is printed the other way round. 0: no key.
    return raw.to_bytes(8, "little").hex().upper() if raw else None


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
_BY_WIDTH: dict[int, Elements] = {
    1: {4: ("din4", None), 113: ("battery_pct", percent), 239: ("ignition", bool),
        **{key: (f"geofence_zone{zone}", None) for zone, key in enumerate(_ZONES, 1)}},
    2: {11: ("ain3_v", scaled(1000))},
    4: {4: ("pulse_counter1", None)},
    8: {78: ("driver", _ibutton), 11: ("iccid_1", None), 14: ("iccid_2", None), 75: ("io75", None),
        **{key: (f"temperature{n}_id", "{:016X}".format) for n, key in enumerate((76, 77, 79, 71), 1)}},
}
"""Where the width on the wire tells the meaning of an id; the documented width is binding nowhere else."""

_GH3000: Elements = {
    1: ("battery_pct", percent), 2: ("usb_connected", None), 5: ("uptime_s", None), 240: ("movement", None),
    20: ("hdop", scaled(10)), 21: ("vdop", scaled(10)), 22: ("pdop", scaled(10)),
}
_ALARMS = {
    175: {0: events.GEOFENCE_EXIT, 1: events.GEOFENCE_ENTER}, 236: {1: events.GENERAL}, 246: {1: events.TOW},
    247: dict.fromkeys(range(1, 7), events.CRASH), 249: {1: events.JAMMING}, 251: {1: events.IDLE}, 252: {1: events.POWER_CUT},
    253: {1: events.HARSH_ACCELERATION, 2: events.HARSH_BRAKING, 3: events.HARSH_CORNERING},
    255: dict.fromkeys(range(1, 256), events.OVERSPEED),
    **{zone: {0: events.GEOFENCE_EXIT, 1: events.GEOFENCE_ENTER, 3: events.OVERSPEED} for zone in _ZONES},
}
# fmt: on


def _fmb(width: int) -> Elements:
    ids: dict[int, tuple[str, Reader | None]] = {key: (name, None) for key, name in _PLAIN.items()}
    ids |= {key: (name, scaled(divisor)) for key, (name, divisor) in _DIVIDED.items()}
    ids |= {key: (name, signed(width, divisor, absent)) for key, (name, divisor, absent) in _SIGNED.items()}
    return {**ids, **_BY_WIDTH[width]}


_byte, _short, _word, _frame_head = (Struct(f) for f in (">B", ">H", ">I", ">IIB"))
_ids = {width: _fmb(width) for width in _BY_WIDTH}
_texts = known(dict.fromkeys((256, 325), ("vin", ascii_text)) | {281: ("fault_codes", ascii_text), 387: ("iso6709", ascii_text)})
_codec_7 = Layout(Struct(">IB"), 1, groups("B", dict.fromkeys((1, 2, 4), _GH3000)))
_codec_8 = Layout(Struct(">QBiihHBHBB"), 1, groups("B", _ids))
_codec_8_old = _codec_8._replace(groups=(*_codec_8.groups, (Struct(">B16s"), {})))
_codec_8e = Layout(Struct(">QBiihHBHHH"), 2, groups("H", _ids), (Struct(">HH"), _texts))
_codec_16 = Layout(Struct(">QBiihHBHHBB"), 1, groups("H", _ids))


def _derive(reading: Reading) -> None:
    """Put together what comes in two elements, take apart what comes in one."""
    attributes = reading.attributes
    if "iccid_2" in attributes and "iccid_1" in attributes:
        first, last = attributes.pop("iccid_1"), attributes.pop("iccid_2")
        if first:
            attributes["iccid"] = f"{first}{last}"
    if "operator" in attributes:
        network(reading, "io241")


def _alarm(event: int, priority: int, attributes: Attributes) -> str | None:
    if event not in _ALARMS:
        return None
    alarm = _ALARMS[event].get(attributes.get(_ids[1][event][0], -1))
    return events.SOS if alarm == events.GENERAL and priority == PANIC else alarm


def _record(layout: Layout, data: bytes, at: int) -> tuple[Reading, int]:
    """Read one record of codec 8, 8 Extended or 16; gives where it ends too."""
    head, reading = layout.head, Reading()
    time, priority, lon, lat, altitude, angle, satellites, speed, event, *generation, total = head.unpack_from(data, at)
    fields = reading.fields = {
        "time": time, "lat": lat / 10_000_000, "lon": lon / 10_000_000, "altitude_m": altitude, "speed_kmh": speed,
        "course_deg": angle, "satellites": satellites, "valid": satellites > 0 and (lat != 0 or lon != 0),
    }  # fmt: skip
    if angle >= 360:
        fields["course_deg"] = None
        reading.warnings.append(f"angle is {angle}, expected 0 to 359")
    # The elements come last: a device that measures one of these twice means the one with a name.
    number, at = take(reading, data, at + head.size, layout)
    if number != total:
        raise DecodeError(f"the record has {number} IO elements, {total} expected", data)
    attributes = reading.attributes
    if attributes:
        _derive(reading)
    if event:
        attributes["event"], fields["alarm"] = event, _alarm(event, priority, attributes)
    if priority:
        attributes["priority"] = priority
    if generation:
        (attributes["generation"],) = generation
    return reading, at


_EPOCH_7 = utc_ms(2007, 1, 1)


def _float(raw: bytes) -> float:
    return float(struct.unpack(">f", raw)[0])


# fmt: off
_GPS_7: Masked = (
    (0, 4, "lat", _float), (0, 4, "lon", _float), (1, 2, "altitude_m", lambda raw: int.from_bytes(raw, signed=True)),
    (2, 1, "course_deg", lambda raw: raw[0] * 360 / 256), (3, 1, "speed_kmh", int.from_bytes),
    (4, 1, "satellites", int.from_bytes), (5, 2, "area_code", int.from_bytes), (5, 2, "cell_id", int.from_bytes),
    (6, 1, "gsm", int.from_bytes), (7, 4, "operator", int.from_bytes),
)
# fmt: on


def _record_7(layout: Layout, data: bytes, at: int) -> tuple[Reading, int]:
    """Read one record of codec 7; it may have no position."""
    reading, (stamp, mask) = Reading(), layout.head.unpack_from(data, at)
    fields = reading.fields
    fields["time"] = _EPOCH_7 + (stamp & 0x3FFFFFFF) * 1000
    if stamp >> 30:
        reading.attributes["priority"] = stamp >> 30
    at += layout.head.size
    if mask & 1:
        at = take_announced(reading, data, at + 1, announced(_GPS_7, data[at]))
    there = tuple(group for bit, group in enumerate(layout.groups, 1) if mask >> bit & 1)
    _, at = take(reading, data, at, layout._replace(groups=there))
    _derive(reading)
    if not (isfinite(fields.get("lat", inf)) and isfinite(fields.get("lon", inf))):
        reading.warnings.append("a record without a position")
        fields.pop("lat", None)
    else:
        fields["valid"] = fields.get("satellites") != 0 and bool(fields["lat"] or fields["lon"])
    return reading, at


_LAYOUTS = {7: _codec_7, 8: _codec_8, 0x8E: _codec_8e, 0x10: _codec_16}
_CODECS = (8, 0x8E, 0x10, 7, *_TEXT_CODECS)


def _walk(data: bytes, layout: Layout) -> list[Reading]:
    count, body, at = data[1], data[:-1], 2
    read = _record_7 if layout is _codec_7 else _record
    readings = []
    for number in range(1, count + 1):
        try:
            reading, at = read(layout, body, at)
        except (struct.error, IndexError):
            raise DecodeError(f"record {number} of {count} runs past the end of the data", data) from None
        readings.append(reading)
    if at != len(body):
        raise DecodeError(f"{count} records take {at} bytes, {len(body)} expected", data)
    return readings


def _records(data: bytes) -> list[Reading]:
    """Read what goes from codec id to second count."""
    if data[1] != data[-1]:
        raise DecodeError(f"number of data is {data[1]} at the head, {data[-1]} at the tail", data)
    if data[0] in _TEXT_CODECS:
        return []
    try:
        return _walk(data, _LAYOUTS[data[0]])
    except DecodeError:
        # Old firmware has one more group in codec 8, of 16 bytes an element, and nothing in the frame announces it.
        if data[0] == 0x08:
            with suppress(DecodeError):
                return _walk(data, _codec_8_old)
        raise


def _check_codec(codec: int, data: bytes | bytearray) -> None:
    if codec not in _CODECS:
        raise DecodeError(f"codec {codec:02X}, expected one of {bytes(_CODECS).hex(' ').upper()}", data)


def _identification(digits: bytes) -> str:
    if not (8 <= len(digits) <= 16 and digits.isdigit()):
        raise DecodeError(f"identification {digits[:32]!r}, expected 8 to 16 digits", digits)
    return digits.decode()


class Decoder(FrameDecoder):
    """Decodes one TCP connection (login, then frames and pings) or one UDP datagram (which names its device itself)."""

    max_buffer = MAX_LENGTH + 12

    def size(self, buffer: bytearray) -> int:
        if len(buffer) < 2:
            return 1 if buffer[0] == PING and self.transport != "udp" else 2
        length = buffer[0] << 8 | buffer[1]
        if self.transport == "udp":
            if length < 17:
                raise DecodeError(f"packet length {length}, expected at least 17", buffer)
        elif buffer[0] == PING:
            return 1
        elif length == 0:
            return self._data_size(buffer) if len(buffer) >= _frame_head.size else _frame_head.size
        elif not 8 <= length <= 16:
            raise DecodeError(f"login of {length} bytes, expected 8 to 16", buffer)
        return 2 + length

    def _data_size(self, buffer: bytearray) -> int:
        preamble, length, codec = _frame_head.unpack_from(buffer)
        if preamble:
            raise DecodeError(f"preamble {preamble:08X}, expected 00000000", buffer)
        if not self.device:
            raise DecodeError("data before the login", buffer)
        if not 3 <= length <= MAX_LENGTH:
            raise DecodeError(f"data length {length}, expected 3 to {MAX_LENGTH}", buffer)
        _check_codec(codec, buffer)
        return 12 + int(length)

    def messages(self, frame: bytes) -> tuple[Message, ...]:
        if self.transport == "udp":
            device, data = _named(frame)
            return (_report(device, data, b"\0\x05" + frame[2:4] + b"\x01" + frame[5:6] + data[1:2]),)
        if frame[:2] == b"\0\0":
            data, (expected,) = frame[8:-4], _word.unpack(frame[-4:])
            if (seen := crc16_arc(data)) != expected:
                raise DecodeError(f"CRC of the data is {seen:04X}, the frame says {expected:08X}", frame)
            return (_report(self.device, data, _word.pack(data[1])),)
        if frame[0] == PING:
            return ()
        return (Message(device=_identification(frame[2:]), reply=b"\x01", refusal=b"\x00"),)


def _named(packet: bytes) -> tuple[str, bytes]:
    """Who sends a packet of UDP, and its data."""
    start = 8 + int.from_bytes(packet[6:8])
    device, data = _identification(packet[8:start]), packet[start:]
    if len(data) < 3:
        raise DecodeError(f"{len(data)} bytes of data after the identification, expected at least 3", packet)
    _check_codec(data[0], packet)
    return device, data


def _report(device: str, data: bytes, reply: bytes) -> Message:
    return message(_records(data), device, reply=b"" if data[0] in _TEXT_CODECS else reply)


_SENT = (
    ((239, "B", "ignition", 1), (240, "B", "movement", 1), (21, "B", "gsm", 1)),
    ((66, "H", "power_v", 1000), (67, "H", "battery_v", 1000)),
    ((16, "I", "odometer_km", 1000),),
    (),
)


def _packed(fix: Fix) -> bytes:
    """One record of codec 8, caused by no event."""
    number, elements = packed(fix, "B", _SENT)
    moving = round(fix.altitude_m or 0), round(fix.course_deg or 0) % 360
    satellites = (fix.satellites or 8) if fix.valid else 0
    place = (round(fix.lon * 1e7), round(fix.lat * 1e7), *moving, satellites, round(fix.speed_kmh or 0))
    return _codec_8.head.pack(fix.time or 0, 0, *place, 0, number) + elements


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
    data = data if transport == "udp" else data.lstrip(b"\xff")
    if data[:1] != b"\0" and transport != "udp":
        return Verdict.NO if data else Verdict.MORE
    try:
        size = Decoder(transport, "anyone").size(bytearray(data[:18])) if data else 2
        if transport == "udp":
            return Verdict.YES if size <= len(data) and _named(data[:size]) else Verdict.NO
    except DecodeError:
        return Verdict.NO
    if data[:2] == b"\0\0":
        is_known, can_be = len(data) >= _frame_head.size, not data[:5].strip(b"\0")
    else:
        is_known, can_be = len(data) >= size, data[2:size].isdigit() or len(data) <= 2
    return Verdict.NO if not can_be else Verdict.YES if is_known else Verdict.MORE


teltonika = Vendor(
    name="teltonika",
    title="Teltonika",
    maker="Teltonika",
    port=8080,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    models=("FMB001", "FMB010", "FMB120", "FMB125", "FMB920", "FMC130", "FMC650", "FMM130", "FMT100", "TAT100", "GH3000"),
    samples=(
        Sample(data=b"\0\x0f356307042441013", reply=b"\x01"),
        Sample(
            data=bytes.fromhex(
                "00000000000000818e0100000166e368a510000f0d8b5b20961c35008d010308000000000014000900ef0000f00100500100150400c80000450100"
                "1e00002500002900000a00b5000800b60007004230dc0018000000430fcb0044005f001103de001200e50013001200240000000000000001010000"
                "113141314a433534343452373235323336370100005e99"
            ),
            device="356307042441013",
            fixes=({"lat": 54.6708533, "lon": 25.2545883, "course_deg": 259, "ignition": False, "power_v": 12.508},),
            reply=b"\0\0\0\x01",
        ),
        Sample(
            data=bytes.fromhex(
                "003dcafe0105000f33353230393330383634303336353508010000016b4f815b30010000000000000000000000000000000103021503010101"
                "425dbc000001"
            ),
            transport="udp",
            fixes=({"time": "2019-06-13T06:23:26Z", "valid": False, "gsm": 3, "power_v": 23.996},),
            reply=bytes.fromhex("0005cafe010501"),
        ),
    ),
)
