"""Suntech's frames, taken apart into fields: texts with serial data in them, and binary reports as the text that says the same.

Layouts: as in suntech.py, which has the vendor, cuts the frames out of the stream, and reads the fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from struct import Struct
from typing import Final

from waygps.bits import bcd_decimal

KNOWN: Final = re.compile(
    rb"(?:(?:SA|ST)\d{3}(?:(?:STT|EMG|EVT|ALT|ALV|UEX|HTE);|[A-Z]{3};Res;)|ST910;(?:Location|Emergency|Alert|Alive|RES;[A-Z]+);"
    rb"|(?:BLE|RES|ALV|CRR);(?=\d{9})|(?:STT|ALT|UEX|BSA);(?=\d{9,10};[0-9A-Fa-f]{6,8};))(\d{6,10})"
)
"""Header and identification of a text report."""
BEGINNINGS: Final = [
    *(b"ST000%s;000000;" % kind for kind in b"STT EMG EVT ALT ALV UEX HTE CMD;Res".split()),
    *(b"ST910;%s;000000;" % kind for kind in b"Location Emergency Alert Alive".split()),
    *(b"%s;%s;FFFFFFFF;" % (kind, b"0" * size) for kind in b"STT ALT UEX BLE BSA ALV".split() for size in (9, 10)),
]
"""One of each kind and length."""
STX: Final = 2
"""What a binary report of the ST300 family begins with."""
LONGEST_SERIAL: Final = 2048
"""Bytes of serial data in a UEX report."""
PLACE: Final = ("LAT", "LON", "SPD", "CRS", "SATT", "FIX")
_USUAL = ("MODEL", "SW_VER", "DATE", "CELL", *PLACE, "DIST", "PWR_VOLT", "I/O")
_FAMILIES = {
    "SA200": _USUAL[1:],
    "ST500": (*_USUAL[:3], *_USUAL[4:]),
    "ST600": (*_USUAL[:3], "CELL_ID", "MCC", "MNC", "LAC", "RX_LVL", *_USUAL[4:]),
}


def layout(header: str) -> tuple[str, ...]:
    """The names of a report's fields from behind the identification up to I/O, by the family in its header."""
    return _FAMILIES.get(header[:5], _USUAL)


def serial_at(data: bytes | bytearray) -> tuple[int, int] | None:
    """Where the serial data of a UEX report begins and ends, by its LEN; None: it has none, or LEN is not there yet."""
    if data[:4] != b"UEX;" and data[5:9] != b"UEX;":
        return None
    head = data.split(b";", 24)
    if head[0] == b"UEX":
        bits = int(head[2], 16) if len(head) > 2 and re.fullmatch(rb"[0-9A-Fa-f]{6,8}", head[2]) else 0
        place = 3 + (bits & 0x7FFFE).bit_count()
    else:
        place = 3 + len(layout(head[0].decode("latin-1")))
    if len(head) < place + 2 or not re.fullmatch(rb"\d{1,4}", head[place]) or int(head[place]) > LONGEST_SERIAL:
        return None
    start = sum(map(len, head[: place + 1])) + place + 1
    end = start + int(head[place])
    return None if b"\r" in data[:start] or data[end : end + 1] not in (b";", b"") else (start, end)


def text_fields(frame: bytes) -> list[str]:
    """The fields of a text report, whatever is in its serial data."""
    serial = serial_at(frame)
    start, end = serial or (0, -1)
    after = frame[end + 1 :].decode("latin-1").strip("\r\n").split(";")
    return [*frame[: start - 1].decode("latin-1").split(";"), frame[start:end].decode("latin-1"), *after] if serial else after


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
_ZIP = Struct(">B2s6s3s4s4s3s3sBI2sBB")
_KINDS = {0x10: "STT", 0x11: "EMG", 0x12: "EVT", 0x13: "ALT", 0x16: "UEX", 0x81: "STT", 0x82: "ALT"}


def is_binary(data: bytes | bytearray) -> bool:
    """Whether the first byte is of a binary report: STX of the ST300 family's, the type of a Universal one."""
    return data[:1] == b"\2" or data[:1] >= b"\x80"


def binary_size(data: bytes | bytearray) -> int:
    """Bytes of the binary report that ``data`` begins with; more than there are: not known yet; -1: it is none."""
    size, is_zip = int.from_bytes(data[1:3]), data[0] == STX
    if len(data) < 9:
        return 3 if len(data) < 3 else 9 if 41 <= size <= 1024 else -1
    total, digits, kind = (size + 4, data[4:9].hex(), data[3]) if is_zip else (size + 3, data[3:8].hex(), data[0])
    if not (41 <= size <= 1024 and digits.isdecimal() and kind in _KINDS):
        return -1
    return -1 if is_zip and (digits[-1] != "0" or data[total - 1 : total] not in (b"", b"\3")) else total


def sender(frame: bytes) -> tuple[str, bytes]:
    """The device of a binary report, and the answer to it over UDP."""
    if frame[0] == STX:
        return frame[4:9].hex()[:9], b"\x15" + frame[4:9]
    return frame[3:8].hex(), f"ACK;{frame[3:8].hex()}\r".encode()


def zip_fields(frame: bytes) -> tuple[str, list[str]]:
    """The kind of a binary report of the ST300 family, and its fields from the model on."""
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
    return kind, text.split(";")


def mapped_fields(frame: bytes) -> tuple[str, int, list[str], bytes]:
    """Kind, map and fields of a binary Universal report, and the bytes behind them."""
    kind, bits, at = _KINDS[frame[0]], int.from_bytes(frame[8:11]), 11
    texts: list[str] = []
    for bit, (how, size) in enumerate(_WRITTEN, 1):
        if kind == "ALT" and bit >= 20:
            # The data of an alert has a known length where it is an iButton.
            how, size = ("number", 2) if bit == 20 else ("hex", 8 * (texts[-2:-1] in (["59"], ["60"])))
        if bits >> bit & 1:
            texts.append(_AS[how](frame[at : at + size]) if at + size <= len(frame) else "")
            at += size
    return kind, bits, texts, frame[at:]
