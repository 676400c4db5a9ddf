"""Meitrack: reports in text (AAA) and in two binary forms (CCE, CCC), each in a frame with its length and a checksum.

Layouts: MEITRACK's GPRS protocol (T333, MVT, MT90, T1 and others), checked with public captures. Binary values are little-endian.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from waygps import events
from waygps.bits import sum8
from waygps.encoding import LineEncoder, moment
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import Transport, Verdict
from waygps.likely import by_pattern
from waygps.readers import (
    choice,
    clock,
    course,
    hdop,
    latitude,
    longitude,
    number,
    percent,
    printable,
    satellites,
    speed_kmh,
    whole,
)
from waygps.reading import Reader, Reading, message
from waygps.vendor import Sample, Vendor

LONGEST = 8192
"""Bytes of a frame from its first comma on."""
_EPOCH = 946684800
"""Seconds from 1970 to 2000, from which the binary forms count."""

_HEAD = re.compile(rb"\$\$[A-z](\d{2,4}),")
_BEGUN = re.compile(rb"\$(?:\$(?:[A-z]\d{0,4})?)?")
_KNOWN = re.compile(rb"\$\$[A-z]\d{2,4},\d{14,15},[A-F][0-9A-Z]{2},")
_BEGINNINGS = [b"$$A%s,%s,AAA," % (b"0" * digits, b"0" * imei) for digits in (2, 3, 4) for imei in (14, 15)]

_ALARMS = {
    1: events.SOS, 17: events.LOW_BATTERY, 18: events.LOW_POWER, 19: events.OVERSPEED, 20: events.GEOFENCE_ENTER,
    21: events.GEOFENCE_EXIT, 22: events.POWER_RESTORED, 23: events.POWER_CUT, 28: events.FAULT, 36: events.TOW,
    44: events.JAMMING, 50: events.TEMPERATURE, 51: events.TEMPERATURE, 54: events.FUEL_LEAK, 58: events.TAMPERING,
    78: events.CRASH, 79: events.GENERAL, 90: events.HARSH_CORNERING, 91: events.HARSH_CORNERING, 129: events.HARSH_BRAKING,
    130: events.HARSH_ACCELERATION, 133: events.IDLE, 135: events.GENERAL,
}  # fmt: skip
_IGNITION = {144: True, 145: False}
_DRIVER = 37
"""The event of a card that was read."""

_hex = whole(base=16)
_word, _steps = whole(0, 0xFFFF, 16), whole(0, 4095, 16)
_any = whole()
_percents, _celsius = number(0, 100), number(-100, 300)
_altitude = number(-1000, 30000)
_SCALES = ((500, 0.01, 0.01), (1023, 6 / 1024, 48 / 1024), (4095, 6.6 / 4096, 52.8 / 4096))
"""Up to which reading of the battery, volts a step of the inputs and the battery, and of the supply.

Models differ, and no message names its model: T3xx write hundredths of a volt, MVT340 and MVT380 ten bits, T1, MVT100, MVT600,
MVT800, TC68 and MT90 twelve. A lithium cell has 3 to 4.4 V, by which the three are told apart.
"""


def _km(raw: Any) -> float:
    return _any(raw) / 1000


def _epoch_ms(raw: int) -> int | None:
    return (raw + _EPOCH) * 1000 if raw else None


# --- text -------------------------------------------------------------------------------------------------------------

_AAA: tuple[tuple[str, Reader], ...] = (
    ("time", lambda text: clock(text[:6], text[6:], "ymd")), ("valid", choice({"A": True, "V": False})),
    ("satellites", satellites), ("gsm", whole(0, 99)), ("speed_kmh", speed_kmh), ("course_deg", course), ("hdop", hdop),
    ("altitude_m", _altitude), ("odometer_km", _km), ("runtime_s", _any),
)  # fmt: skip
_CELL = (("mcc", whole(0, 999)), ("mnc", whole(0, 999)), ("lac", _hex), ("cell_id", _hex))
_POWERS = (("battery_v", number(0, 100)), ("power_v", number(0, 100)), ("rtc_v", number(0, 100)), ("mcu_v", number(0, 100)))


def _text(reading: Reading, fields: list[str]) -> None:
    """A report after its type; all behind the analogue values is optional."""
    event, lat, lon, *values = [*fields, *[""] * (21 - len(fields))]
    reading.put("event", event, whole(0, 65535))
    reading.need("lat", lat, latitude)
    reading.need("lon", lon, longitude)
    reading.fields["valid"] = False
    reading.take(_AAA, values)
    base, lines, analogue, info, custom, version, fuel, probes = values[10:18]
    reading.take(_CELL, base.split("|"))
    reading.put("lines", lines, partial(_lines, reading))
    _analogue(reading, analogue.split("|"))
    reading.put("driver" if reading.attributes.get("event") == _DRIVER else "event_data", info, printable)
    reading.put("custom", custom, printable)
    reading.put("fuel_level_pct", fuel, _fuel)
    for probe in probes.split("|"):
        reading.put("temperature_c", probe, partial(_probe, reading, version.isdecimal() and int(version) >= 3))


def _lines(reading: Reading, text: str) -> None:
    """Four hex digits: inputs in the high byte, outputs in the low one."""
    states = _word(text)
    reading.bits(states >> 8, _INPUTS)
    reading.bits(states, _OUTPUTS)


def _analogue(reading: Reading, texts: list[str]) -> None:
    """Three inputs, the battery and the supply in hex; or five voltages of the device itself in decimals."""
    if any("." in text for text in texts):
        reading.take(_POWERS, texts)
        return
    step, supply = _scale(texts[3] if len(texts) > 3 else "")
    for name, text in zip(("ain1_v", "ain2_v", "ain3_v", "battery_v", "power_v"), texts, strict=False):
        reading.put(name, text, partial(_scaled, supply if name == "power_v" else step))


def _scaled(step: float, text: str) -> float:
    return round(_steps(text) * step, 3)


def _scale(battery: str) -> tuple[float, float]:
    """Volts a step of the inputs and battery, and of the supply; hundredths where the battery says nothing."""
    try:
        value = int(battery, 16)
    except ValueError:
        value = 0
    return next(((step, supply) for limit, step, supply in _SCALES if value <= limit), (0.01, 0.01))


def _fuel(text: str) -> float:
    """Percent, and hundredths in the low byte."""
    value = _word(text)
    return _percents((value >> 8) + (value & 0xFF) / 100)


def _probe(reading: Reading, is_whole: bool, text: str) -> None:
    """Number of the probe and its temperature: hundredths in two bytes, or degrees and hundredths in one each."""
    probe, value = struct.unpack(">Bh" if len(text) == 6 else ">x", bytes.fromhex(text))
    degrees, hundredths = struct.unpack(">bB", value.to_bytes(2, signed=True))
    other = degrees + (-hundredths if degrees < 0 else hundredths) / 100
    reading.put(f"temperature{probe}_c", value / 100 if is_whole else other, _celsius)


# --- binary -----------------------------------------------------------------------------------------------------------

_INPUTS = {bit: f"din{bit + 1}" for bit in range(5)}
_OUTPUTS = {bit: f"dout{bit + 1}" for bit in range(5)}


def _volts(raw: int) -> float:
    return raw / 100


def _signed(read: Reader) -> Reader:
    return lambda raw: read(raw - 0x10000 if raw & 0x8000 else raw)


_PARAMETERS: dict[int, tuple[str, Reader]] = {
    0x01: ("event", _any), 0x40: ("event", _any), 0x04: ("time", _epoch_ms), 0x05: ("valid", choice({1: True, 0: False})),
    0x06: ("satellites", satellites), 0x07: ("gsm", whole(0, 99)), 0x08: ("speed_kmh", speed_kmh), 0x09: ("course_deg", course),
    0x0A: ("hdop", lambda raw: raw / 10), 0x0B: ("altitude_m", _signed(_altitude)), 0x0C: ("odometer_km", _km),
    0x0D: ("runtime_s", _any), 0x16: ("ain1_v", _volts), 0x17: ("ain2_v", _volts), 0x18: ("ain3_v", _volts),
    0x19: ("battery_v", _volts), 0x1A: ("power_v", _volts), 0x1C: ("flags", _any), 0x25: ("driver", str),
    0x29: ("fuel_level_pct", number(0, 100, 0.01)), 0x47: ("lock_state", _any), 0xFE69: ("battery_pct", percent),
    0x91: ("obd_speed_kmh", _any), 0x92: ("obd_speed_kmh", _any), 0x97: ("throttle_pct", percent), 0x99: ("rpm", _any),
    0x9B: ("obd_odometer_m", _any), 0x9C: ("coolant_temperature_c", _signed(whole(-100))), 0x9D: ("fuel_level_pct", percent),
    0xA0: ("fuel_used_l", lambda raw: raw / 1000), 0xFEF4: ("engine_minutes", _any),
}  # fmt: skip
_LOCATED = {0x02: ("lat", latitude), 0x03: ("lon", longitude)}
_NETWORK = struct.Struct("<HHHIh")
_CCC = struct.Struct("<BiiIBBBHHHhIIHHHHHHHHI")
_CCC_IDS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D)


def _parameter(reading: Reading, tag: int, value: int) -> None:
    """A parameter of one, two or four bytes; one that is not known keeps its number."""
    if tag in _LOCATED:
        name, read = _LOCATED[tag]
        reading.need(name, (value - (1 << 32) if value >> 31 else value) / 1e6, read)
    elif tag in (0x14, 0x15):
        reading.bits(value, _INPUTS if tag == 0x15 else _OUTPUTS)
    elif tag != 0x1B:
        name, read = _PARAMETERS.get(tag, (f"parameter_{tag:02x}", _any))
        reading.put(name, value, read)


def _long(reading: Reading, tag: int, data: bytes) -> None:
    """A parameter of any length: probes, the serving cell, batteries, a Bluetooth probe, the kind of network."""
    if 0x2A <= tag <= 0x31:
        reading.put(f"temperature{tag - 0x29}_c", data, lambda raw: struct.unpack("<xh", raw)[0] / 100)
    elif tag == 0x0E and len(data) == _NETWORK.size:
        reading.attributes.update(zip(("mcc", "mnc", "lac", "cell_id", "rssi_dbm"), _NETWORK.unpack(data), strict=True))
    elif tag == 0xFEA8:
        reading.put("battery_pct", data[1] if len(data) > 1 and data[0] else None, percent)
    elif tag == 0xFE73:
        reading.put("ble", data, partial(_bluetooth, reading))
    elif tag == 0x4B:
        reading.put("network", data[3:], printable)


def _bluetooth(reading: Reading, data: bytes) -> None:
    """A probe: version, length of its name, name, address, charge, temperature, humidity, thresholds."""
    name, _, charge, temperature, humidity = struct.unpack_from(f"<{data[1]}s6sBhh", data, 2)
    for title, value in (("name", printable(name)), ("battery_pct", charge), ("temperature_c", round(temperature / 256, 2))):
        reading.put(f"ble_{title}", value)
    reading.put("ble_humidity_pct", round(humidity / 256, 2))


def _record(data: bytes) -> Reading:
    """A record of CCE: sections of parameters of one, two, four and any number of bytes, each with their count."""
    reading = Reading()
    reading.fields["valid"] = False
    try:
        at = 2
        for size in (1, 2, 4, 0):
            count, at = data[at], at + 1
            for _ in range(count):
                tag, at = (0xFE00 | data[at + 1], at + 2) if data[at] == 0xFE else (data[at], at + 1)
                length, at = (size, at) if size else (data[at], at + 1)
                if at + length > len(data):
                    raise IndexError
                value, at = data[at : at + length], at + length
                _parameter(reading, tag, int.from_bytes(value, "little")) if size else _long(reading, tag, value)
    except (IndexError, struct.error):
        reading.warnings.append("a record that ends within a parameter")
    for name in ("lat", "lon"):
        reading.need(name, reading.fields.get(name))
    return reading


def _batch(data: bytes) -> Iterator[Reading]:
    """The records of CCE, each behind its length."""
    if len(data) < 6:
        raise DecodeError("a batch without its count", data)
    at, left = 6, int.from_bytes(data[4:6], "little")
    while left and at + 2 <= len(data):
        size = int.from_bytes(data[at : at + 2], "little")
        yield _record(data[at + 2 : at + 2 + size])
        at, left = at + 2 + size, left - 1


def _old_batch(data: bytes) -> Iterator[Reading]:
    """The records of CCC, of one layout."""
    size = int.from_bytes(data[2:4], "little")
    if size < _CCC.size:
        raise DecodeError(f"records of {size} bytes, expected {_CCC.size} or more", data)
    for at in range(8, len(data) - _CCC.size + 1, size):
        *values, mcc, mnc, lac, cell, lines, ain1, battery, power, _ = _CCC.unpack_from(data, at)
        reading = Reading()
        for tag, value in zip(_CCC_IDS, values, strict=True):
            _parameter(reading, tag, value & 0xFFFFFFFF if tag in _LOCATED else value & 0xFFFF if tag == 0x0B else value)
        for tag, value in ((0x16, ain1), (0x19, battery), (0x1A, power), (0x15, lines >> 8), (0x14, lines & 0xFF)):
            _parameter(reading, tag, value)
        reading.attributes.update(mcc=mcc, mnc=mnc, lac=lac, cell_id=cell)
        yield reading


def _judged(reading: Reading) -> Reading:
    """What the event means: an alarm, or the ignition."""
    event = reading.attributes.get("event", 0)
    reading.put("alarm", _ALARMS.get(event))
    reading.put("ignition", _IGNITION.get(event))
    return reading


# --- frames -----------------------------------------------------------------------------------------------------------


def _frame(start: str, flag: str, text: str) -> bytes:
    """A frame of text; its length counts from the comma to the line feed."""
    body = f"{start}{flag}{len(text) + 6},{text}*".encode()
    return body + f"{sum8(body):02X}\r\n".encode()


def _is_sound(frame: bytes | bytearray) -> bool:
    """Whether the checksum behind the last asterisk is that of all before."""
    return re.fullmatch(rb"\*[0-9A-Fa-f]{2}", frame[-3:]) is not None and int(frame[-2:], 16) == sum8(bytes(frame[:-2]))


class Decoder(FrameDecoder):
    """A frame with a wrong checksum is passed over, to where the next begins."""

    max_buffer = LONGEST + 8
    ends_whole = True

    def size(self, buffer: bytearray) -> int:
        if buffer[:1] != b"$":
            at = buffer.find(b"$")
            return -at if at > 0 else -len(buffer)
        head = _HEAD.match(buffer)
        if head is None:
            return len(buffer) + 1 if _BEGUN.fullmatch(buffer) else -1
        size = head.end() - 1 + int(head[1])
        if not 24 <= int(head[1]) <= LONGEST:
            return -1
        return -1 if len(buffer) >= size and not (buffer[size - 2 : size] == b"\r\n" and _is_sound(buffer[: size - 2])) else size

    def messages(self, frame: bytes) -> Iterator[Message]:
        # The last frame of a connection or datagram may have lost its line end.
        frame = frame.removesuffix(b"\r\n")
        head = _HEAD.match(frame)
        if not _KNOWN.match(frame) or not head or len(frame) + 2 != head.end() - 1 + int(head[1]) or not _is_sound(frame):
            raise DecodeError("a frame that is cut off, or no frame", frame)
        _, imei, kind, data = frame[:-3].split(b",", 3)
        yield self._message(chr(frame[2]), imei.decode(), kind.decode(), data)

    def _message(self, flag: str, imei: str, kind: str, data: bytes) -> Message:
        if kind == "AAC":
            return Message(device=imei, reply=_frame("@@", "z", f"{imei},AAC,1"))
        readings: list[Reading] = []
        if kind == "AAA":
            readings = [Reading()]
            _text(readings[0], data.decode("latin-1").split(","))
        elif kind in _BATCHES:
            readings = list(_BATCHES[kind](data))
        answer = (
            f"CCC,{len(readings)}" if kind == "CCC" else f"AFF,{len(readings):X}" if self.transport == "udp" and readings else ""
        )
        return message(map(_judged, readings), imei, _frame("@@", flag, f"{imei},{answer}") if answer else b"")


_BATCHES: dict[str, Callable[[bytes], Iterator[Reading]]] = {"CCE": _batch, "CCC": _old_batch}


class Encoder(LineEncoder):
    """A simulated T333. Over TCP its reports are not answered."""

    answered = ("udp",)

    def line(self, fix: Fix) -> bytes:
        time = moment(fix)
        place = (
            f"{fix.lat:.6f},{fix.lon:.6f},{time:%y%m%d%H%M%S},{'A' if fix.valid else 'V'},{fix.satellites or 0},{fix.gsm or 0}"
        )
        motion = f"{fix.speed_kmh or 0:.0f},{fix.course_deg or 0:.0f},{fix.hdop or 0:.1f},{fix.altitude_m or 0:.0f}"
        mileage = f"{round((fix.odometer_km or 0) * 1000)},0,722|310|0010|307B"
        state = f"0000,0000|0000|0000|0192|{round((fix.power_v or 0) * 100):04X}"
        return _frame("$$", "A", f"{self.device},AAA,35,{place},{motion},{mileage},{state},,")


def recognises(data: bytes, transport: Transport) -> Verdict:
    """The head of a frame: its length, an IMEI and the kind of message."""
    return by_pattern(_KNOWN, _BEGINNINGS, data.lstrip(b"\r\n"))


_MODELS = (
    "MT90", "MT90G", "MVT100", "MVT340", "MVT380", "MVT600", "MVT800", "T1", "T3", "T311", "T322X", "T333", "T355", "T366",
    "T399", "T622", "T633L", "T711L", "TC68", "TC68S", "TC68L", "P88L", "P99G", "K211",
)  # fmt: skip
meitrack = Vendor(
    name="meitrack",
    checksum=True,
    title="Meitrack",
    port=5020,
    active=False,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    models=_MODELS,
    samples=(
        Sample(
            data=b"$$m139,012896005334567,AAA,35,-33.866423,151.190060,121208020649,A,7,27,0,32,4,13,6150,49517,505|2|0B67|5A6C,0000,"
            b"0000|0000|0000|0977|0000,,*F1\r\n",
            fixes=({"time": "2012-12-08T02:06:49Z", "lat": -33.866423, "lon": 151.19006, "odometer_km": 6.15, "satellites": 7},),
        ),
        Sample(
            data=bytes.fromhex(
                "24245838362c3336393830303031343039303032312c4343432c020134000100000023381f91ffe354b806c5e3121b000913000000000000"
                "0000d33801007cbf0200fe0101000435feeb02000500a3010000000000002a62650d0a"
            ),
            fixes=({"time": "2014-05-24T04:59:49Z", "lat": -7.266504, "lon": 112.743651, "valid": False, "battery_v": 4.19},),
            reply=b"@@X27,369800014090021,CCC,1*E4\r\n",
        ),
        Sample(data=b"$$S28,353358017784062,A11,OK*FE\r\n", transport="udp", reply=b""),
    ),
)
