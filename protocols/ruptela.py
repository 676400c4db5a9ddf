"""Ruptela: packets of records, with the IMEI, a command and a checksum; a device keeps its records until they are answered.

Layout: Ruptela's "FM protocol", as far as public sources agree on it. Integers are big endian. An id means the same in the plain
records (command 1, ids of one byte) and the extended ones (68, two bytes); what is not in the tables is kept as ``io<ID>``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from struct import Struct

from zope.interface import implementer

from waygps import events
from waygps.bits import crc16_kermit
from waygps.elements import CODES, Layout, groups, network, packed, scaled, signed, take
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import IEncoder, Transport, Verdict
from waygps.readers import course, printable
from waygps.reading import Elements, Reader, Reading, message
from waygps.vendor import Sample, Vendor

SHORTEST, LONGEST = 9, 2044
"""Bytes of a payload: IMEI and command at least; devices send up to about 1,100."""
RECORDS, DTC, EXTENDED = 1, 9, 68
ANSWERS = {RECORDS: 100, EXTENDED: 100, DTC: 109, 15: 115, 16: 116}
"""The commands that are answered, with the command of the answer."""
UNANSWERED = (2, 3, 4, 5, 6, 7, 17, 37)
"""What devices answer to commands, and parts of files."""
EARLIEST = 978_307_200
"""Seconds since 1970 of 2001-01-01; a device whose clock was never set begins in 2000."""
NOWHERE = -(2**31)

# fmt: off
_SCALED: dict[int, tuple[str, float]] = {
    2: ("din1", 1), 3: ("din2", 1), 4: ("din3", 1), 5: ("din4", 1), 13: ("motion", 1), 173: ("motion", 1), 170: ("charging", 1),
    22: ("ain1_v", 1000), 23: ("ain2_v", 1000), 20: ("ain3_v", 1000), 21: ("ain4_v", 1000), 28: ("profile", 1),
    29: ("power_v", 1000), 30: ("battery_v", 1000), 65: ("odometer_km", 1000), 150: ("operator", 1),
    39: ("engine_load", 1), 94: ("rpm", 4), 166: ("rpm", 8), 197: ("rpm", 8), 95: ("obd_speed_kmh", 1),
    98: ("fuel_level_pct", 2.55), 207: ("fuel_level_pct", 2.5), 205: ("fuel_level_l", 1), 208: ("fuel_used_l", 2),
    100: ("fuel_rate_l_h", 20), 163: ("tacho_odometer_km", 200), 164: ("tacho_trip_km", 200), 165: ("tacho_speed_kmh", 256),
    645: ("can_odometer_km", 1), 88: ("jamming", 1), 134: ("harsh_braking", 1), 136: ("harsh_acceleration", 1),
    410: ("towing", 1), 411: ("crash", 1), 758: ("tamper", 1),
}
"""The name of an id and the divisor of its value, of which all ones mean that there is none."""
_SIGNED = {32: ("device_temperature_c", 1), 74: ("temperature3_c", 10), **{78 + n: (f"temperature{n}_c", 10) for n in range(3)}}
# fmt: on
_TEXTS = {126: "can_driver", 155: "tacho_driver"}
"""The first of two ids that have eight characters each."""
ALARMS = {
    "crash": events.CRASH,
    "towing": events.TOW,
    "tamper": events.TAMPERING,
    "jamming": events.JAMMING,
    "harsh_braking": events.HARSH_BRAKING,
    "harsh_acceleration": events.HARSH_ACCELERATION,
    "gnss_antenna_cut": events.FAULT,
}
"""The attributes that are alarms while they are not 0, the worst first."""


def _gsm(raw: int) -> int | None:
    if raw not in (*range(32), 0xFF):
        raise ValueError(f"{raw} is not one of 0 to 31")
    return None if raw == 0xFF else raw


def _key(raw: int) -> str | None:
    return f"{raw:016x}" if 0 < raw < 2**64 - 1 else None


def _bytes(raw: int) -> bytes:
    return raw.to_bytes(8)


def _ids(width: int) -> Elements:
    ids: dict[int, tuple[str, Reader | None]] = {27: ("gsm", _gsm), 415: ("gnss_antenna_cut", lambda raw: raw == 0)}
    ids |= {251: ("ignition", bool), 409: ("ignition", bool)}
    ids |= {key: (name, scaled(divisor, 256**width - 1)) for key, (name, divisor) in _SCALED.items()}
    ids |= {key: (name, signed(width, divisor)) for key, (name, divisor) in _SIGNED.items()}
    if width == 8:
        ids |= {34: ("driver", _key), 760: ("tag_1", _key), 761: ("tag_2", _key)}
        ids |= {key + half: (f"{name}_{half}", _bytes) for key, name in _TEXTS.items() for half in (0, 1)}
    return ids


_by_width = {width: _ids(width) for width in CODES}
_LAYOUTS = {
    RECORDS: Layout(Struct(">IBBiihHBHBB"), 1, groups("B", _by_width)),
    EXTENDED: Layout(Struct(">IBBBiihHBHBH"), 1, groups("H", _by_width)),
}
_DTC = Struct(">BIiiB5s")


def _elements(layout: Layout, data: bytes, at: int, reading: Reading) -> int:
    """Take the elements of a record; gives where they end, which is the end of the data where they run past it."""
    try:
        return take(reading, data, at, layout)[1]
    except (IndexError, struct.error):
        reading.warnings.append("the elements run past the end of the data")
        return len(data)


def _place(reading: Reading, seconds: int, lon: int, lat: int) -> bool:
    """Set time and position; False where there is no position."""
    if seconds >= EARLIEST:
        reading.fields["time"] = seconds * 1000
    if NOWHERE in (lon, lat):
        return False
    if seconds < EARLIEST:
        reading.warnings.append("the clock of the device is not set")
    reading.fields.update(lat=lat / 10_000_000, lon=lon / 10_000_000)
    return True


def _measured(reading: Reading, altitude: int, angle: int, satellites: int, speed: int, hdop: int) -> None:
    reading.put("altitude_m", None if altitude == -(2**15) else altitude / 10)
    reading.put("course_deg", None if angle == 0xFFFF else angle / 100, course)
    reading.put("satellites", None if satellites == 0xFF else satellites)
    reading.put("speed_kmh", None if speed == 0xFFFF else speed)
    reading.put("hdop", None if hdop == 0xFF else hdop / 10)


def _derive(reading: Reading) -> None:
    """Put together what comes in two elements, take apart what comes in one, and see what is an alarm."""
    fields, attributes = reading.fields, reading.attributes
    for name in _TEXTS.values():
        halves = [attributes.pop(f"{name}_{half}", b"") for half in (0, 1)]
        if "driver" not in fields:
            reading.put("driver", b"".join(half.strip(b"\0\xff ") for half in halves), printable)
    network(reading, "io150")
    if "odometer_km" not in fields:
        reading.put("odometer_km", attributes.get("tacho_odometer_km", attributes.get("can_odometer_km")))
    reading.put("alarm", next((event for name, event in ALARMS.items() if attributes.get(name)), None))


def _lost(reason: str) -> Reading:
    reading = Reading()
    reading.unreadable = reason
    return reading


def _records(layout: Layout, data: bytes) -> list[Reading]:
    """The records; one that comes in several parts is one."""
    readings: list[Reading] = []
    head, count, at, before = layout.head, data[1], 2, (0, -1)
    for number in range(1, count + 1):
        if at + head.size > len(data):
            return [*readings, _lost(f"record {number} of {count} runs past the end of the data")]
        seconds, sequence, *part, priority, lon, lat, altitude, angle, satellites, speed, hdop, event = head.unpack_from(data, at)
        if not (part and part[0] & 15 and readings and before == (seconds, sequence)):
            readings.append(Reading())
            if _place(readings[-1], seconds, lon, lat):
                _measured(readings[-1], altitude, angle, satellites, speed, hdop)
            said = {"event": event, "priority": priority, "sequence": sequence}
            readings[-1].attributes.update({name: value for name, value in said.items() if value})
            before = seconds, sequence
        at = _elements(layout, data, at + head.size, readings[-1])
    if at < len(data):
        readings.append(_lost(f"{len(data) - at} bytes behind the last record"))
    return readings


def _faults(data: bytes) -> list[Reading]:
    """Where the vehicle was when each trouble code came up."""
    count, records = data[0] if data else 0, data[1:]
    readings = []
    for _, seconds, lon, lat, source, code in _DTC.iter_unpack(records[: len(records) // _DTC.size * _DTC.size]):
        reading = Reading()
        _place(reading, seconds, lon, lat)
        reading.put("dtc", code, printable)
        reading.put("archived", source == 2 or None)
        readings.append(reading)
    if len(records) != count * _DTC.size:
        readings.append(_lost(f"{count} trouble codes take {count * _DTC.size} bytes, {len(records)} are there"))
    return readings


class Decoder(FrameDecoder):
    """Packets. Nothing marks where one begins: what cannot be one ends the connection, and the device sends it again."""

    max_buffer = LONGEST + 4

    def size(self, buffer: bytearray) -> int:
        length = int.from_bytes(buffer[:2])
        if len(buffer) >= 2 and not SHORTEST <= length <= LONGEST:
            raise DecodeError(f"a payload of {length} bytes, expected {SHORTEST} to {LONGEST}", buffer)
        return length + 4 if len(buffer) >= 2 else 2

    def messages(self, frame: bytes) -> Iterable[Message]:
        payload, stated = frame[2:-2], int.from_bytes(frame[-2:])
        if (seen := crc16_kermit(payload)) != stated:
            raise DecodeError(f"CRC of the payload is {seen:04X}, the packet says {stated:04X}", frame)
        device, command, data = f"{int.from_bytes(payload[:8]):015}", payload[8], payload[9:]
        answer = ANSWERS.get(command)
        reply = _answer(answer, 1) if answer else b""
        if command in _LAYOUTS and len(data) < 2:
            yield Message(device=device, reply=reply, unreadable="the number of records is missing")
        elif command in _LAYOUTS:
            readings = _records(_LAYOUTS[command], data)
            for reading in readings:
                _derive(reading)
            yield message(readings, device, reply, refusal=_answer(100, 0))
        elif command == DTC:
            yield message(_faults(data), device, reply)
        else:
            is_known = answer or command in UNANSWERED
            warnings = () if is_known else (f"command {command} is not known, and not answered",)
            yield Message(device=device, reply=reply, warnings=warnings)


def _packet(payload: bytes) -> bytes:
    return len(payload).to_bytes(2) + payload + crc16_kermit(payload).to_bytes(2)


def _answer(command: int, is_accepted: int) -> bytes:
    return _packet(bytes((command, is_accepted)))


_SENT = (
    ((251, "B", "ignition", 1), (27, "B", "gsm", 1)),
    ((29, "H", "power_v", 1000), (30, "H", "battery_v", 1000)),
    ((65, "I", "odometer_km", 1000),),
    (),
)


def _packed(fix: Fix) -> bytes:
    """One plain record, caused by the time."""
    place = (round(fix.lon * 1e7), round(fix.lat * 1e7)) if fix.valid else (NOWHERE, NOWHERE)
    moving = round((fix.altitude_m or 0) * 10), round((fix.course_deg or 0) % 360 * 100)
    used = 8 if fix.satellites is None else fix.satellites, round(fix.speed_kmh or 0), round((fix.hdop or 0) * 10)
    head = _LAYOUTS[RECORDS].head.pack((fix.time or 0) // 1000, 0, 0, *place, *moving, *used, 7)
    return head + packed(fix, "B", _SENT)[1]


@implementer(IEncoder)
class Encoder:
    """A pretended device with plain records, which says first what it is."""

    most_fixes = 20

    def __init__(self, device: str, transport: Transport = "tcp") -> None:
        self._imei = int(device).to_bytes(8)
        self._transport = transport

    def hello(self) -> bytes:
        """The identification; a datagram needs none."""
        return b"" if self._transport == "udp" else _packet(self._imei + b"\x0fPro5    01.00")

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        """One packet of these fixes."""
        return _packet(self._imei + bytes((RECORDS, 0, len(fixes))) + b"".join(map(_packed, fixes)))


def recognises(data: bytes, transport: Transport) -> Verdict:
    """A length, an IMEI and a command are known when the eleventh byte is there; a datagram has the checksum too."""
    head = data[:11]
    if not head.ljust(4, b"\0")[2:4] <= b"\x00\x03" or not _may_be(head):
        return Verdict.NO
    if transport == "udp":
        whole = len(head) == 11 and int.from_bytes(head[:2]) + 4 == len(data)
        return Verdict.YES if whole and crc16_kermit(data[2:-2]) == int.from_bytes(data[-2:]) else Verdict.NO
    return Verdict.YES if len(head) == 11 else Verdict.MORE


def _may_be(head: bytes) -> bool:
    """Whether what there is of the first eleven bytes can be a packet's."""
    length, imei, command = head[:2], int.from_bytes(head[2:10]), head[10:]
    return (
        (len(length) < 2 or SHORTEST <= int.from_bytes(length) <= LONGEST)
        and (len(head) < 10 or 10**12 <= imei < 10**15)
        and (not command or command[0] in (*ANSWERS, *UNANSWERED))
    )


ruptela = Vendor(
    name="ruptela",
    checksum=True,
    title="Ruptela",
    maker="Ruptela",
    port=5046,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    active=False,
    models=("FM-Eco3", "FM-Eco4", "FM-Pro3", "FM-Pro4", "FM-Tco4", "FM-Plug4", "HCV5", "LCV5", "Trace5", "Pro5", "Eco5"),
    samples=(
        Sample(
            data=bytes.fromhex(
                "00560003116e7438a7a50100015565cbb9000020fd21300f113f4600005f000600090d090805011b13cf00020003001c012029ad00041d31dd1e0e"
                "bd160000c50000047200000000d0000000004100016a2a960000a5a300c9ee"
            ),
            fixes=({"time": "2015-05-27T13:50:49Z", "lat": 25.278855, "lon": 55.3460016, "speed_kmh": 9, "power_v": 12.765},),
            reply=bytes.fromhex("0002640113bc"),
        ),
        Sample(
            data=bytes.fromhex(
                "007900000b1a2a5585c30100024e9c036900000f101733208ff45e07b31b570a001009090605011b1a020003001c01ad01021d338e160000029600"
                "00601a41014bc16d004e9c038400000f104fdf20900d20075103b00a001308090605011b1a020003001c01ad01021d33b116000002960000601a"
                "41014bc1ea0028f9"
            ),
            fixes=(
                {
                    "time": "2011-10-17T10:28:57Z",
                    "lat": 54.6305118,
                    "lon": 25.2712755,
                    "course_deg": 69.99,
                    "odometer_km": 21741.933,
                },
                {
                    "time": "2011-10-17T10:29:24Z",
                    "lat": 54.6311456,
                    "lon": 25.2727263,
                    "course_deg": 9.44,
                    "odometer_km": 21742.058,
                },
            ),
            reply=bytes.fromhex("0002640113bc"),
        ),
        Sample(
            data=bytes.fromhex(
                "002e000316d53d58d6020f4573303430302e30332e36382e30340000c2b3090d0e950000827b000003e80000003c003c1681"
            ),
            reply=bytes.fromhex("00027301cb25"),
        ),
    ),
)
