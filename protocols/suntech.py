"""Suntech: the texts of the ST300 family, of ST4xx and ST910, the Universal reports with a field mask, and both binary forms.

Layouts: Suntech's manuals of ST300, ST340, ST600 and ST940, and public captures; names in capitals are the manuals'. A report has
no answer over TCP, and one over UDP; an emergency is answered on both, since the device repeats it until then.
suntech_frames.py takes the frames apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from protocols.suntech_frames import (
    BEGINNINGS,
    KNOWN,
    PLACE,
    STX,
    binary_size,
    is_binary,
    layout,
    mapped_fields,
    sender,
    serial_at,
    text_fields,
    zip_fields,
)
from waygps import events
from waygps.bits import digits_ms, sum8
from waygps.encoding import LineEncoder, moment
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import Transport, Verdict
from waygps.likely import by_pattern
from waygps.readers import choice, course, flag, latitude, longitude, number, percent, printable, satellites, speed_kmh, whole
from waygps.reading import Reader, Reading
from waygps.vendor import Sample, Vendor

_MEANT = {
    "ALT": {
        events.OVERSPEED: "1 49", events.FAULT: "3 8 13 28", events.GEOFENCE_EXIT: "5 18", events.GEOFENCE_ENTER: "6 19",
        events.LOW_POWER: "14", events.CRASH: "15 16", events.HARSH_BRAKING: "27 47", events.POWER_RESTORED: "40",
        events.POWER_CUT: "41", events.SOS: "42", events.TAMPERING: "45", events.HARSH_ACCELERATION: "46",
        events.HARSH_CORNERING: "48", events.JAMMING: "50", events.IDLE: "61 62", events.FUEL_LEAK: "73",
        events.TEMPERATURE: "75 76", events.DOOR: "132",
    },
    "EMG": {
        events.SOS: "1", events.TOW: "2", events.POWER_CUT: "3", events.TAMPERING: "5", events.DOOR: "6", events.MOVEMENT: "7",
        events.VIBRATION: "8",
    },
}  # fmt: skip
"""The codes of alerts and emergencies, by what they mean."""
_ALARMS = {(kind, code): alarm for kind, meant in _MEANT.items() for alarm, codes in meant.items() for code in codes.split()}


def _time(text: str) -> int | None:
    """None on 2011-01-01, where a clock begins that was never set."""
    return None if text.startswith("20110101") else digits_ms(text)


_hex, _any, _level, _volts, _celsius = whole(base=16), whole(), whole(0, 63), number(0, 100), number(-100, 300)
_READ: dict[str, tuple[str, Reader]] = {
    "LAT": ("lat", latitude), "LON": ("lon", longitude), "SPD": ("speed_kmh", speed_kmh), "CRS": ("course_deg", course),
    "SATT": ("satellites", satellites), "FIX": ("valid", choice({"1": True, "0": False, "F": False})),
    "DIST": ("odometer_km", lambda text: _any(text) / 1000), "PWR_VOLT": ("power_v", _volts), "BATT_V": ("battery_v", _volts),
    "BATT": ("battery_pct", percent), "MODEL": ("model", printable), "SW_VER": ("sw_version", printable),
    "VARIANT": ("variant", printable), "RX_DBM": ("rx_dbm", whole(-999)),
    "RX_LVL": ("gsm", lambda text: None if text == "99" else _level(text)), "CELL_ID": ("cell_id", _hex), "LAC": ("lac", _hex),
    "MCC": ("mcc", whole(0, 999)), "MNC": ("mnc", whole(0, 999)), "CELL_DEC": ("cell_id", _any), "LAC_DEC": ("lac", _any),
    "BSIC": ("bsic", _any), "TA": ("timing_advance", _any), "MODE": ("mode", _any), "RPT": ("report_type", _any),
    "MSG_NUM": ("message_number", _any), "H_METER": ("hour_meter", _any), "EVENT": ("event", _any),
    "MSG_TYPE": ("buffered", choice({"1": None, "0": True})), "FLAGS": ("flags", printable), "TEMP": ("temperature_c", _celsius),
    "MOTION": ("motion_state", _any), "NETWORK": ("network_state", _any), "REG": ("driver_registered", flag),
    "DID": ("driver", lambda text: text.upper() if text.strip("0") else None),
}  # fmt: skip
"""What a field of the manuals is, and how it is read; apart from these there are DATE, CELL and _LINES."""

_TRIP = ("MODEL", "SW_VER", "DATE", "DIST", "PWR_VOLT", "H_METER", "BATT_V", "MSG_TYPE")
_NETWORK = ("CELL_DEC", "MCC", "MNC", "RX_DBM", "LAC_DEC", "TA")
_MAPPED = ("MODEL", "SW_VER", "MSG_TYPE", "DATE", "", "CELL_ID", "MCC", "MNC", "LAC", "RX_LVL", *PLACE, "IN", "OUT")
"""The fields of bits 1 to 18 of a Universal report; TIME comes with DATE."""
_LINES = {
    "I/O": ("ignition", "din1", "din2", "din3", "dout1", "dout2"),
    "IN": ("ignition", "din1", "din2", "din3", "din4"),
    "OUT": ("dout1", "dout2", "dout3", "dout4"),
}

_METERS = re.compile(r"((?:[^;]*;){0,3}?)(\d{1,10};\d{1,2}\.\d{1,2};[01])(?:;(.*))?", re.DOTALL)
_CELL = re.compile(r"([0-9A-Fa-f]{4})?([0-9A-Fa-f]{1,4})(\d\d)")
_CELLS = re.compile(r"\d+;\d{3};\d{1,3};-\d+;\d+;\d+")
_DECIMAL = re.compile(r"\d{1,2}\.\d{1,3}")
_PROBE = re.compile(r"(?:[0-9A-Fa-f]{16})?:([+-]?\d+\.\d+)?")
_IS_DATE = re.compile(r"20\d{6}").fullmatch


def _take(reading: Reading, names: Iterable[str], values: Iterable[str]) -> list[str]:
    """Read the values in the order of their names; DATE is two of them, with TIME. Gives those that are left."""
    left = iter(values)
    for name in names:
        raw = next(left, "")
        if known := _READ.get(name):
            (reading.need if name in ("LAT", "LON") else reading.put)(known[0], raw, known[1])
        elif name == "DATE":
            reading.put("time", raw + next(left, "").replace(":", ""), _time)
        elif name == "CELL":
            # [cell id, 4 hex digits] LAC, and BSIC, two decimal digits.
            match = _CELL.fullmatch(raw)
            _take(reading, ("CELL_ID", "LAC", "BSIC"), [part or "" for part in match.groups()] if match else [])
        else:
            _lines(reading, name, raw)
    return list(left)


def _lines(reading: Reading, name: str, text: str) -> None:
    """Inputs and outputs. I/O has the ignition first, and of more than six is known what the first four are; a 0 says nothing."""
    if not re.fullmatch("[01]{6,9}" if name == "I/O" else "[01]{8}|", text):
        reading.warnings += [f"{name} cannot be {text[:40]!r}"] if text not in ("", "0") else []
        return
    known = _LINES[name][: 4 if len(text) > 6 else 6] if name == "I/O" else _LINES[name]
    for title, bit in zip(known, text if name == "I/O" else text[::-1], strict=False):
        reading.put(title, bit, flag)
    reading.put("io", text if name == "I/O" and len(text) > 6 else "")


def _event(reading: Reading, kind: str, text: str) -> None:
    _take(reading, ("EVENT",), [text])
    reading.put("alarm", _ALARMS.get((kind, text)))


def _after(reading: Reading, kind: str, left: list[str]) -> None:
    """What follows the I/O. Hour meter, battery and type of message are there or not, by the settings of the device."""
    if kind == "STT":
        left = _take(reading, ("MODE", "MSG_NUM"), left)
    elif kind == "UEX":
        left = _serial(reading, left)
    elif left:
        _event(reading, kind, left.pop(0))
    match = _METERS.fullmatch(";".join(left))
    if match and not (match[1] and kind in ("STT", "UEX")):
        between = match[1].split(";")[:-1]
        names = ("MODE", "MSG_NUM") if kind == "EVT" and len(between) == 2 else ()
        _tail(reading, _take(reading, names, between), "event_data")
        _take(reading, ("H_METER", "BATT_V", "MSG_TYPE"), match[2].split(";"))
        left = (match[3] or "").split(";")
    _tail(reading, left)


def _tail(reading: Reading, fields: list[str], name: str = "tail") -> None:
    """What models add, told by its shape: analogue inputs at the beginning, driver, probes, the cell; others keep their place."""
    at = probes = 0
    is_analogue = name == "tail"
    while at < len(fields):
        text = fields[at]
        is_analogue = is_analogue and at < 3 and _DECIMAL.fullmatch(text) is not None
        at += 1
        if is_analogue:
            reading.put(f"ain{at}_v", text, float)
        elif re.fullmatch("[0-9A-Fa-f]{14,16}", text):
            registered = [text for text in fields[at : at + 1] if text in ("0", "1")]
            _take(reading, ("DID", "REG"), [text, *registered])
            at += len(registered)
        elif probe := _PROBE.fullmatch(text):
            probes += 1
            reading.put(f"temperature{probes}_c", probe[1], _celsius)
        elif _CELLS.fullmatch(";".join(fields[at - 1 : at + 5])):
            _take(reading, _NETWORK, fields[at - 1 : at + 5])
            at += 5
        else:
            reading.put(f"{name}{at}", text, printable)


def _serial(reading: Reading, left: list[str]) -> list[str]:
    """LEN, DATA and CHK_SUM of a UEX report; gives what follows them."""
    if len(left) < 3:
        return left
    text = left[1]
    # Of the data of one capture the end of the line is missing, and counted.
    data = next((data for end in ("", "\r\n") if str(len(data := f"{text}{end}".encode("latin-1"))) == left[0]), b"")
    if f"{sum8(data):02X}" != left[2].upper():
        reading.warnings += [f"serial data cannot be {text[:40]!r}"] if text else []
        return left[3:]
    parts = text.strip().split("|")
    reading.put("serial", text.strip() if text.strip().isprintable() else data.hex())
    reading.put("driver", parts[4] if parts[0] == "GTSL" and len(parts) > 5 else "", printable)
    reading.put("driver", parts[0][5:] if parts[0].startswith("RFID:") else "", printable)
    return left[3:]


def _command(reading: Reading, header: str, fields: list[str]) -> None:
    """The answer to a command, with a position or not."""
    names = layout(header)
    if _IS_DATE("".join(fields[:1])):
        _take(reading, (*names[names.index("DATE") :], "MODE"), fields)


def _asset(reading: Reading, kind: str, fields: list[str]) -> None:
    """ST400, ST410, ST419, ST440: seven cells first, and a place only where there is a date."""
    left = _take(reading, ("SW_VER", "MODEL", *(("VARIANT",) if fields[1:2] == ["41"] else ())), fields)
    _take(reading, _NETWORK, left[:6] if left[:1] != ["0"] else [])
    cells = [left[at : at + 6] for at in range(6, 42, 6)]
    reading.put("cells", [cell for cell in cells if cell[:1] not in ([], [""], ["0"])] or None)
    left = _take(reading, ("BATT_V", "MSG_TYPE", "MSG_NUM"), left[42:])
    date = next((at for at, text in enumerate(left[:5]) if _IS_DATE(text)), len(left))
    if kind == "STT":
        _take(reading, ("MODE", *(("NETWORK",) if date == 2 else ("FLAGS", "TEMP", "MOTION"))), left[:date])
    else:
        _event(reading, kind, "".join(left[:1]))
    if left[date:]:
        _tail(reading, _take(reading, ("DATE", *PLACE), left[date:]), "extra")


def _st910(reading: Reading, kind: str, fields: list[str]) -> None:
    """ST910 and ST940, in both of their forms: with a cell before the place, or without."""
    fields = fields if _IS_DATE("".join(fields[:1])) else _take(reading, ("SW_VER",), fields)
    more = ("MSG_TYPE", "MODE", "MSG_NUM") if kind == "Location" else ()
    place = ("LAT", "LON", "SPD", "CRS", "FIX")
    if "".join(fields[2:3])[:1] in ("+", "-", ""):
        left = _take(reading, ("DATE", *place), fields)
        names = ("BATT_V", *(more or ("MSG_TYPE",))) if len(left) > 1 else ("EVENT",)
    else:
        left = _take(reading, ("DATE", "CELL", *place), fields)
        names = ("DIST", "BATT", *more, "MODEL", *_NETWORK[1:])
    reading.put("alarm", None if kind == "Location" else events.GENERAL)
    _tail(reading, _take(reading, names, left), "extra")


def _universal(reading: Reading, kind: str, bits: int, values: list[str]) -> list[str]:
    """The fields that the map names, up to bit 21; gives what is left of them."""
    if (bits >> 4) & 3 in (1, 2):
        raise DecodeError("a date without its time of day, or the other way round")
    left = _take(reading, [name for bit, name in enumerate(_MAPPED, 1) if name and bits >> bit & 1], values)
    last = [left.pop(0) if left and bits >> bit & 1 else "" for bit in (19, 20, 21)]
    if kind == "UEX":
        return [*_serial(reading, last), *left]
    if kind == "STT":
        _take(reading, ("MODE", "RPT", "MSG_NUM"), last)
    else:
        _event(reading, kind, last[0])
        _take(reading, ("RPT",), last[1:])
        _tail(reading, last[2:], "event_data")
    return left


def _mapped(reading: Reading, kind: str, fields: list[str]) -> None:
    """A Universal report. Behind the fields of its map is what the device was told to add, with a map of its own or without."""
    if kind == "BLE":
        left = _take(reading, ("MODEL", "SW_VER", "DATE", "LAT", "LON"), fields)
        reading.put("tags", ";".join(left[1:]), printable)
        return
    bits = int(fields[0], 16)
    left = _universal(reading, kind, bits, fields[1:])[bits >> 22 & 1 :]
    if bits >> 23 & 1 and re.fullmatch("[0-9A-Fa-f]{8}", "".join(left[:1])):
        mask = int(left.pop(0), 16)
        places = [bit for bit in range(32) if mask >> bit & 1]
    else:
        places = [0, 1] if len(left) > 1 and all(map(_DECIMAL.fullmatch, left[:2])) else []
    for bit, raw in zip(places, left, strict=False):
        name, read = {0: _READ["BATT_V"], 1: _READ["PWR_VOLT"]}.get(bit, (f"assign{bit}", printable))
        reading.put(name, raw, read)
    _tail(reading, left[len(places) :], "extra")


class Decoder(FrameDecoder):
    """Texts end with CR; in the serial data of a UEX report a CR is data."""

    ends_whole = True

    def size(self, buffer: bytearray) -> int:
        if is_binary(buffer):
            return binary_size(buffer)
        if not 0x20 <= buffer[0] < 0x7F:
            return -1
        serial = serial_at(buffer)
        if serial and len(buffer) <= serial[1]:
            return serial[1] + 1
        size = self.until(b"\r", start=serial[1] if serial else 0)
        return size if size > min(len(buffer), self.max_buffer) or KNOWN.match(buffer) else -size

    def messages(self, frame: bytes) -> Iterator[Message]:
        known = KNOWN.match(frame)
        is_whole = self.transport == "udp" or frame.endswith(b"\r")
        if known and (frame[known.end() : known.end() + 1] in (b";", b"\r") or (is_whole and known.end() == len(frame))):
            yield self._report(text_fields(frame), known[1].decode(), is_whole)
        elif is_binary(frame):
            yield self._binary(frame)

    def _binary(self, frame: bytes) -> Message:
        if binary_size(frame) != len(frame):
            raise DecodeError("a report that is cut off", frame)
        reading = Reading()
        reading.fields["valid"] = False
        if frame[0] == STX:
            kind, fields = zip_fields(frame)
            _after(reading, kind, _take(reading, layout("ST300"), fields))
        else:
            kind, bits, fields, rest = mapped_fields(frame)
            _universal(reading, kind, bits, fields)
            reading.put("assigned", rest.hex())
        device, reply = sender(frame)
        return reading.message(device, reply if self.transport == "udp" else b"")

    def _report(self, fields: list[str], device: str, is_whole: bool) -> Message:
        reading = Reading()
        if not is_whole:
            # What was to come may have been the end of the last field.
            reading.warnings.append(f"the message breaks off at {fields.pop()[:40]!r}")
        header = "".join(fields[:1])
        kind = "".join(fields[1:2]) if header == "ST910" else header[-3:]
        reading.fields["valid"] = kind == "BLE"
        if kind in ("ALV", "RES", "BSA", "CRR", "Alive") or len(fields) < 3:
            return Message(device=device)
        reply = self._read(reading, header, kind, fields, device)
        if "buffered" in reading.attributes and not reading.is_fix:
            # It says how the vehicle was then, not how it is.
            reading.fields.clear()
        return reading.message(device, reply)

    def _read(self, reading: Reading, header: str, kind: str, fields: list[str], device: str) -> bytes:
        """Read the report; gives its answer."""
        is_answered, family = self.transport == "udp", header[:5]
        if header == "ST910":
            _st910(reading, kind, fields[3:])
            return f"ST910;ACK;{device}\r".encode() if is_answered or kind != "Location" else b""
        if fields[1] == "Res":
            _command(reading, header, fields[5:])
            return b""
        if header == kind:
            _mapped(reading, kind, fields[2:])
        elif kind == "HTE":
            _take(reading, _TRIP, fields[2:])
        elif family in ("ST400", "ST410", "ST419", "ST440"):
            _asset(reading, kind, fields[2:])
        else:
            _after(reading, kind, _take(reading, layout(header), fields[2:]))
        reply = f"{header[:-3]}ACK;{device}\r" if is_answered else ""
        return (reply + (f"{family}CMD;{device};02;AckEmerg\r" if kind == "EMG" else "")).encode()


class Encoder(LineEncoder):
    """A simulated ST340. Over TCP its reports are not answered."""

    answered = ("udp",)

    def line(self, fix: Fix) -> bytes:
        place = f"{fix.lat:+010.6f};{fix.lon:+011.6f};{fix.speed_kmh or 0:07.3f};{fix.course_deg or 0:06.2f}"
        gained = f"{fix.satellites or 0};{int(fix.valid)};{round((fix.odometer_km or 0) * 1000)};{fix.power_v or 0:.2f}"
        state = f"{int(fix.ignition or 0)}00000;{1 + bool(fix.ignition)};0001"
        return f"ST300STT;{self.device[-9:]};45;313;{moment(fix):%Y%m%d;%H:%M:%S};c99e48;{place};{gained};{state}\r".encode()


def recognises(data: bytes, transport: Transport) -> Verdict:
    """A header and the identification; a binary report is known by its whole, with a position in it."""
    data = data.lstrip(b"\r\n")
    if not is_binary(data):
        return by_pattern(KNOWN, BEGINNINGS, data)
    size = binary_size(data)
    if not 0 < size <= len(data):
        return Verdict.MORE if size > 0 and transport == "tcp" else Verdict.NO
    try:
        return Verdict.YES if any(message.fixes for message in Decoder().messages(data[:size])) else Verdict.NO
    except DecodeError:
        return Verdict.NO


_MODELS = (
    "ST200", "ST215", "ST240", "ST300", "ST310U", "ST340", "ST350", "ST390", "ST410", "ST419", "ST440", "ST480", "ST500", "ST600",
    "ST650", "ST910", "ST940", "ST3300", "ST3310U", "ST3340", "ST4300", "ST4305", "ST4310", "ST4340", "ST4345", "ST4410",
    "ST4500",
)  # fmt: skip
SAMPLES = (
    Sample(
        data=b"ST300STT;007238270;40;313;20190220;12:05:04;c99e48;+04.644623;-074.076922;010.390;202.77;20;1;997100;14.10;100000;"
        b"2;8384;003634;4.1;1\r",
        fixes=({"time": "2019-02-20T12:05:04Z", "lat": 4.644623, "lon": -74.076922, "speed_kmh": 10.39, "odometer_km": 997.1},),
        reply=b"",
    ),
    Sample(
        data=b"SA200EMG;317652;042;20120718;15:35:41;16d41;-15.618740;-056.083252;000.034;000.00;8;1;41548;12.17;110000;1\r",
        fixes=({"lat": -15.61874, "lon": -56.083252, "ignition": True, "alarm": events.SOS},),
        reply=b"SA200CMD;317652;02;AckEmerg\r",
    ),
    Sample(
        data=b"STT;100850000;3FFFFF;26;010;1;20161117;08:37:39;0000004F;450;0;0014;20;+37.479323;+126.887827;62.03;65.43;10;1;"
        b"00000101;00001000;1;2;0492\r",
        transport="udp",
        fixes=({"lat": 37.479323, "lon": 126.887827, "speed_kmh": 62.03, "ignition": True, "gsm": 20},),
        reply=b"ACK;100850000\r",
    ),
)
suntech = Vendor(
    name="suntech",
    title="Suntech",
    port=5011,
    active=False,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    models=_MODELS,
    samples=SAMPLES,
)
