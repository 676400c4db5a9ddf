"""Suntech: the texts of the ST300 family, of ST4xx and ST910, the Universal reports with a field mask, and both binary forms.

Layouts: Suntech's manuals of ST300, ST340, ST600 and ST940, and public captures; names in capitals are the manuals'. A report has
no answer over TCP, and one over UDP; an emergency is answered on both, since the device repeats it until then.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator

from waygps import events
from waygps.bits import bcd_decimal, digits_ms, sum8
from waygps.encoding import LineEncoder, moment
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.framing import FrameDecoder
from waygps.interfaces import Transport, Verdict
from waygps.likely import by_pattern
from waygps.readers import choice, course, flag, latitude, longitude, number, percent, printable, satellites, speed_kmh, whole
from waygps.reading import Reader, Reading
from waygps.vendor import Sample, Vendor

STX = 2
LONGEST_SERIAL = 2048
"""Bytes of serial data in a UEX report."""

_KNOWN = re.compile(
    rb"(?:(?:SA|ST)\d{3}(?:(?:STT|EMG|EVT|ALT|ALV|UEX|HTE);|[A-Z]{3};Res;)|ST910;(?:Location|Emergency|Alert|Alive|RES;[A-Z]+);"
    rb"|(?:BLE|RES|ALV|CRR);(?=\d{9})|(?:STT|ALT|UEX|BSA);(?=\d{9,10};[0-9A-Fa-f]{6,8};))(\d{6,10})"
)
_BEGINNINGS = [b"ST000%s;000000;" % kind for kind in (b"STT", b"EMG", b"EVT", b"ALT", b"ALV", b"UEX", b"HTE", b"CMD;Res")]
_BEGINNINGS += [b"ST910;%s;000000;" % kind for kind in (b"Location", b"Emergency", b"Alert", b"Alive")]
_BEGINNINGS += [b"%s;%s;FFFFFFFF;" % (kind, b"0" * size) for kind in b"STT ALT UEX BLE BSA ALV".split() for size in (9, 10)]
"""Beginnings of each kind."""

_ALARMS = {
    "ALT": {
        "1": events.OVERSPEED, "3": events.FAULT, "5": events.GEOFENCE_EXIT, "6": events.GEOFENCE_ENTER, "8": events.FAULT,
        "13": events.FAULT, "14": events.LOW_POWER, "15": events.CRASH, "16": events.CRASH, "18": events.GEOFENCE_EXIT,
        "19": events.GEOFENCE_ENTER, "27": events.HARSH_BRAKING, "28": events.FAULT, "40": events.POWER_RESTORED,
        "41": events.POWER_CUT, "42": events.SOS, "45": events.TAMPERING, "46": events.HARSH_ACCELERATION,
        "47": events.HARSH_BRAKING, "48": events.HARSH_CORNERING, "49": events.OVERSPEED, "50": events.JAMMING,
        "73": events.FUEL_LEAK, "61": events.IDLE, "62": events.IDLE, "75": events.TEMPERATURE,
        "76": events.TEMPERATURE, "132": events.DOOR,
    },
    "EMG": {
        "1": events.SOS, "2": events.TOW, "3": events.POWER_CUT, "5": events.TAMPERING, "6": events.DOOR,
        "7": events.MOVEMENT, "8": events.VIBRATION,
    },
}  # fmt: skip


def _time(text: str) -> int | None:
    """None on 2011-01-01, where a clock begins that was never set."""
    return None if text.startswith("20110101") else digits_ms(text)


_hex, _any, _level, _volts = whole(base=16), whole(), whole(0, 63), number(0, 100)
_READ: dict[str, tuple[str, Reader]] = {
    "DATE": ("time", _time), "LAT": ("lat", latitude), "LON": ("lon", longitude), "SPD": ("speed_kmh", speed_kmh),
    "CRS": ("course_deg", course), "SATT": ("satellites", satellites), "DIST": ("odometer_km", lambda text: _any(text) / 1000),
    "FIX": ("valid", choice({"1": True, "0": False, "F": False})), "PWR_VOLT": ("power_v", _volts),
    "BATT_V": ("battery_v", _volts), "BATT": ("battery_pct", percent), "MODEL": ("model", printable),
    "SW_VER": ("sw_version", printable), "RX_DBM": ("rx_dbm", whole(-999)),
    "RX_LVL": ("gsm", lambda text: None if text == "99" else _level(text)),
    "CELL_ID": ("cell_id", _hex), "LAC": ("lac", _hex), "MCC": ("mcc", whole(0, 999)), "MNC": ("mnc", whole(0, 999)),
    "CELL_DEC": ("cell_id", _any), "LAC_DEC": ("lac", _any), "BSIC": ("bsic", _any), "TA": ("timing_advance", _any),
    "MODE": ("mode", _any), "RPT": ("report_type", _any), "MSG_NUM": ("message_number", _any), "H_METER": ("hour_meter", _any),
    "EVENT": ("event", _any), "MSG_TYPE": ("buffered", choice({"1": None, "0": True})), "FLAGS": ("flags", printable),
    "VARIANT": ("variant", printable), "TEMP": ("temperature_c", number(-100, 300)), "MOTION": ("motion_state", _any),
    "NETWORK": ("network_state", _any), "REG": ("driver_registered", flag),
    "DID": ("driver", lambda text: text.upper() if text.strip("0") else None),
}  # fmt: skip
"""What a field of the manuals is, and how it is read."""

_PLACE = ("LAT", "LON", "SPD", "CRS", "SATT", "FIX")
_USUAL = ("MODEL", "SW_VER", "DATE", "CELL", *_PLACE, "DIST", "PWR_VOLT")
_FAMILIES = {
    "SA200": _USUAL[1:],
    "ST500": (*_USUAL[:3], *_USUAL[4:]),
    "ST600": (*_USUAL[:3], "CELL_ID", "MCC", "MNC", "LAC", "RX_LVL", *_USUAL[4:]),
}
_TRIP = ("MODEL", "SW_VER", "DATE", "DIST", "PWR_VOLT", "H_METER", "BATT_V", "MSG_TYPE")
_NETWORK = ("CELL_DEC", "MCC", "MNC", "RX_DBM", "LAC_DEC", "TA")
_MAPPED = ("MODEL", "SW_VER", "MSG_TYPE", "DATE", "", "CELL_ID", "MCC", "MNC", "LAC", "RX_LVL", *_PLACE, "IN", "OUT")
"""The fields of bits 1 to 18 of a Universal report; TIME comes with DATE."""
_LINES = {
    "I/O": ("ignition", "din1", "din2", "din3", "dout1", "dout2"),
    "IN": ("ignition", "din1", "din2", "din3", "din4"),
    "OUT": ("dout1", "dout2", "dout3", "dout4"),
}

_METERS = re.compile(r"((?:[^;]*;){0,3}?)(\d{1,10};\d{1,2}\.\d{1,2};[01])(?:;(.*))?", re.DOTALL)
_CELLS = re.compile(r"\d+;\d{3};\d{1,3};-\d+;\d+;\d+")
_DECIMAL = re.compile(r"\d{1,2}\.\d{1,3}")
_PROBE = re.compile(r"(?:[0-9A-Fa-f]{16})?:([+-]?\d+\.\d+)?")
_IS_DATE = re.compile(r"20\d{6}").fullmatch


def _take(reading: Reading, names: Iterable[str], values: Iterable[str]) -> list[str]:
    """Read the values in the order of their names; DATE is two of them, with TIME. Gives those that are left."""
    left = iter(values)
    for name in names:
        raw = next(left, "")
        if name == "DATE":
            raw += next(left, "").replace(":", "")
        if name == "CELL":
            # [cell id, 4 hex digits] LAC, and BSIC, two decimal digits.
            match = re.fullmatch(r"([0-9A-Fa-f]{4})?([0-9A-Fa-f]{1,4})(\d\d)", raw)
            _take(reading, ("CELL_ID", "LAC", "BSIC"), [part or "" for part in match.groups()] if match else [])
        elif name in _LINES:
            _lines(reading, name, raw)
        else:
            (reading.need if name in ("LAT", "LON") else reading.put)(_READ[name][0], raw, _READ[name][1])
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
    reading.put("alarm", _ALARMS.get(kind, {}).get(text))


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
            reading.put(f"temperature{probes}_c", probe[1], number(-100, 300))
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


def _serial_at(data: bytes | bytearray) -> tuple[int, int] | None:
    """Where the serial data of a UEX report begins and ends, by its LEN; None: it has none, or LEN is not there yet."""
    if data[:4] != b"UEX;" and data[5:9] != b"UEX;":
        return None
    head = data.split(b";", 24)
    if head[0] == b"UEX":
        bits = int(head[2], 16) if len(head) > 2 and re.fullmatch(rb"[0-9A-Fa-f]{6,8}", head[2]) else 0
        place = 3 + (bits & 0x7FFFE).bit_count()
    else:
        place = 4 + len(_FAMILIES.get(head[0][:5].decode("latin-1"), _USUAL))
    if len(head) < place + 2 or not re.fullmatch(rb"\d{1,4}", head[place]) or int(head[place]) > LONGEST_SERIAL:
        return None
    start = sum(map(len, head[: place + 1])) + place + 1
    end = start + int(head[place])
    return None if b"\r" in data[:start] or data[end : end + 1] not in (b";", b"") else (start, end)


def _fields(frame: bytes) -> list[str]:
    serial = _serial_at(frame)
    start, end = serial or (0, -1)
    after = frame[end + 1 :].decode("latin-1").strip("\r\n").split(";")
    return [*frame[: start - 1].decode("latin-1").split(";"), frame[start:end].decode("latin-1"), *after] if serial else after


def _usual(reading: Reading, family: str, kind: str, fields: list[str]) -> None:
    left = _take(reading, _FAMILIES.get(family, _USUAL), fields)
    _after(reading, kind, _take(reading, ("I/O",), left))


def _command(reading: Reading, family: str, fields: list[str]) -> None:
    """The answer to a command, with a position or not."""
    names = _FAMILIES.get(family, _USUAL)
    if _IS_DATE("".join(fields[:1])):
        _take(reading, (*names[names.index("DATE") :], "I/O", "MODE"), fields)


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
        _tail(reading, _take(reading, ("DATE", *_PLACE), left[date:]), "extra")


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
        names = ("DIST", "BATT", *more, "MODEL", "MCC", "MNC", "RX_DBM", "LAC_DEC", "TA")
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


def _digits(data: bytes) -> str:
    return "".join(f"{byte:02}" for byte in data)


def _degrees(data: bytes) -> str:
    value = int.from_bytes(data)
    return f"{'-' if value >> 31 else ''}{(value & 0x7FFFFFFF) / 1e6}"


_AS: dict[str, Callable[[bytes], str]] = {
    "number": lambda data: str(int.from_bytes(data)), "hundredths": lambda data: str(int.from_bytes(data) / 100),
    "bits": lambda data: f"{data[0]:08b}", "version": lambda data: ".".join(map(str, data)), "hex": bytes.hex,
    "date": lambda data: "20" + _digits(data), "digits": _digits, "degrees": _degrees,
}  # fmt: skip
"""How a text report has what a binary one says."""
_WRITTEN = (
    ("number", 1), ("version", 3), ("number", 1), ("date", 3), ("digits", 3), ("hex", 4), ("number", 2), ("number", 2),
    ("hex", 2), ("number", 1), ("degrees", 4), ("degrees", 4), ("hundredths", 2), ("hundredths", 2), ("number", 1), ("number", 1),
    ("bits", 1), ("bits", 1), ("number", 1), ("number", 1), ("number", 2),
)  # fmt: skip
"""The fields of bits 1 to 21 in a binary Universal report, with their bytes."""
_ZIP = struct.Struct(">B2s6s3s4s4s3s3sBI2sBB")
_KINDS = {0x10: "STT", 0x11: "EMG", 0x12: "EVT", 0x13: "ALT", 0x16: "UEX", 0x81: "STT", 0x82: "ALT"}


def _binary_size(data: bytes | bytearray) -> int:
    """Bytes of the binary report that ``data`` begins with; more than there are: not known yet; -1: it is none."""
    size, is_zip = int.from_bytes(data[1:3]), data[0] == STX
    if len(data) < 9:
        return 3 if len(data) < 3 else 9 if 41 <= size <= 1024 else -1
    total, digits, kind = (size + 4, data[4:9].hex(), data[3]) if is_zip else (size + 3, data[3:8].hex(), data[0])
    if not (41 <= size <= 1024 and digits.isdecimal() and kind in _KINDS):
        return -1
    return -1 if is_zip and (digits[-1] != "0" or data[total - 1 : total] not in (b"", b"\3")) else total


def _zip(reading: Reading, frame: bytes) -> None:
    """A report of the ST300 family in binary, read as the text that says the same."""
    model, version, date, cell, lat, lon, speed, track, sky, metres, power, io, code = _ZIP.unpack_from(frame, 9)
    kind, rest = _KINDS[frame[3]], frame[44:-1]
    south, west = ("-" if sky >> bit & 1 else "" for bit in (6, 5))
    text = f"{model};{version.hex()};20{_digits(date[:3])};{_digits(date[3:])};{cell.hex()};{south}{bcd_decimal(lat, 1)};{west}"
    text += f"{bcd_decimal(lon, 1)};{bcd_decimal(speed, 2)};{bcd_decimal(track, 2)};{sky & 31};{sky >> 7};{metres};"
    text += f"{bcd_decimal(power, 1)};{f'{io & 63:06b}'[::-1]}"
    if kind != "UEX":
        text += f";{code}" + (f";{rest[:2].hex()}" if kind == "STT" else "")
        rest = rest[2:] if kind == "STT" else rest
        text += f";{int.from_bytes(rest[:4])};{bcd_decimal(rest[4:6], 1)};{rest[6]}" if len(rest) >= 7 else ""
    _usual(reading, "", kind, text.split(";"))


def _packed(reading: Reading, frame: bytes) -> None:
    """A Universal report in binary, read as the text that says the same."""
    kind, bits, at = _KINDS[frame[0]], int.from_bytes(frame[8:11]), 11
    texts: list[str] = []
    for bit, (how, size) in enumerate(_WRITTEN, 1):
        if kind == "ALT" and bit >= 20:
            # The data of an alert has a known length where it is an iButton.
            how, size = ("number", 2) if bit == 20 else ("hex", 8 * (texts[-2:-1] in (["59"], ["60"])))
        if bits >> bit & 1:
            texts.append(_AS[how](frame[at : at + size]) if at + size <= len(frame) else "")
            at += size
    _universal(reading, kind, bits, texts)
    reading.put("assigned", frame[at:].hex())


class Decoder(FrameDecoder):
    """Texts end with CR; in the serial data of a UEX report a CR is data."""

    ends_whole = True

    def size(self, buffer: bytearray) -> int:
        first = buffer[0]
        if first == STX or first >= 0x80:
            return _binary_size(buffer)
        if not 0x20 <= first < 0x7F:
            return -1
        serial = _serial_at(buffer)
        if serial and len(buffer) <= serial[1]:
            return serial[1] + 1
        size = self.until(b"\r", start=serial[1] if serial else 0)
        return size if size > min(len(buffer), self.max_buffer) or _KNOWN.match(buffer) else -size

    def messages(self, frame: bytes) -> Iterator[Message]:
        known = _KNOWN.match(frame)
        is_whole = self.transport == "udp" or frame.endswith(b"\r")
        if known and (frame[known.end() : known.end() + 1] in (b";", b"\r") or (is_whole and known.end() == len(frame))):
            yield self._report(_fields(frame), known[1].decode(), is_whole)
        elif frame[0] == STX or frame[0] >= 0x80:
            yield self._binary(frame)

    def _binary(self, frame: bytes) -> Message:
        if _binary_size(frame) != len(frame):
            raise DecodeError("a report that is cut off", frame)
        reading, is_zip = Reading(), frame[0] == STX
        reading.fields["valid"] = False
        (_zip if is_zip else _packed)(reading, frame)
        device = frame[4:9].hex()[:9] if is_zip else frame[3:8].hex()
        reply = b"\x15" + frame[4:9] if is_zip else f"ACK;{device}\r".encode()
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
            _command(reading, family, fields[5:])
            return b""
        if header == kind:
            _mapped(reading, kind, fields[2:])
        elif kind == "HTE":
            _take(reading, _TRIP, fields[2:])
        elif family in ("ST400", "ST410", "ST419", "ST440"):
            _asset(reading, kind, fields[2:])
        else:
            _usual(reading, family, kind, fields[2:])
        reply = f"{header[:-3]}ACK;{device}\r" if is_answered else ""
        return (reply + (f"{family}CMD;{device};02;AckEmerg\r" if kind == "EMG" else "")).encode()


class Encoder(LineEncoder):
    """A simulated ST340. Over TCP its reports are not answered."""

    answered = ("udp",)

    def line(self, fix: Fix) -> bytes:
        time = moment(fix)
        place = f"{fix.lat:+010.6f};{fix.lon:+011.6f};{fix.speed_kmh or 0:07.3f};{fix.course_deg or 0:06.2f}"
        gained = f"{fix.satellites or 0};{int(fix.valid)};{round((fix.odometer_km or 0) * 1000)};{fix.power_v or 0:.2f}"
        state = f"{int(fix.ignition or 0)}00000;{1 + bool(fix.ignition)};0001"
        return f"ST300STT;{self.device[-9:]};45;313;{time:%Y%m%d;%H:%M:%S};c99e48;{place};{gained};{state}\r".encode()


def recognises(data: bytes, transport: Transport) -> Verdict:
    """A header and the identification; a binary report is known by its whole, with a position in it."""
    data = data.lstrip(b"\r\n")
    if data[:1] == b"\2" or data[:1] >= b"\x80":
        size = _binary_size(data)
        if 0 < size <= len(data):
            return Verdict.YES if _reports(data[:size]) else Verdict.NO
        return Verdict.MORE if size > 0 and transport == "tcp" else Verdict.NO
    return by_pattern(_KNOWN, _BEGINNINGS, data)


def _reports(frame: bytes) -> bool:
    try:
        return any(message.fixes for message in Decoder().messages(frame))
    except DecodeError:
        return False


_MODELS = (
    "ST200", "ST215", "ST240", "ST300", "ST310U", "ST340", "ST350", "ST390", "ST410", "ST419", "ST440", "ST480", "ST500", "ST600",
    "ST650", "ST910", "ST940", "ST3300", "ST3310U", "ST3340", "ST4300", "ST4305", "ST4310", "ST4340", "ST4345", "ST4410",
    "ST4500",
)  # fmt: skip
suntech = Vendor(
    name="suntech",
    title="Suntech",
    port=5011,
    active=False,
    decoder=Decoder,
    encoder=Encoder,
    recognises=recognises,
    models=_MODELS,
    samples=(
        Sample(
            data=b"ST300STT;007238270;40;313;20190220;12:05:04;c99e48;+04.644623;-074.076922;010.390;202.77;20;1;997100;14.10;100000;2;"
            b"8384;003634;4.1;1\r",
            fixes=(
                {"time": "2019-02-20T12:05:04Z", "lat": 4.644623, "lon": -74.076922, "speed_kmh": 10.39, "odometer_km": 997.1},
            ),
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
    ),
)
