"""Readers of single fields: from what is on the wire to a value, or ValueError where that says nothing. Pure functions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from waygps.bits import utc_ms

KNOT_KMH = 1.852
"""Kilometres an hour of one knot (a nautical mile is 1,852 m by definition)."""

_DDMM = re.compile(r"(-?)(\d{0,3}?)(\d{2}(?:\.\d*)?)", re.ASCII)
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?", re.ASCII)
_LATEST = 253_402_300_799_999
"""The end of the year 9999."""
_SIGNS = {"N": 1, "E": 1, "": 1, "S": -1, "W": -1}


def number(low: float = -math.inf, high: float = math.inf, scale: float = 1) -> Callable[[Any], float]:
    """A reader of a number, times ``scale``; after that it has to be within ``low`` and ``high``, both included."""

    def read(raw: Any) -> float:
        value = float(_plain(raw)) * scale
        if raw is True or raw is False or not (math.isfinite(value) and low <= value <= high):
            raise ValueError(raw)
        return value

    return read


def whole(low: int = 0, high: int = 2**63 - 1, base: int = 10) -> Callable[[Any], int]:
    """A reader of a whole number within ``low`` and ``high``, both included; of text in this base."""

    def read(raw: Any) -> int:
        value = int(_plain(raw), base) if isinstance(raw, str | bytes) else int(raw)
        if not low <= value <= high:
            raise ValueError(raw)
        return value

    return read


def _plain(raw: Any) -> Any:
    """Keep from float and int what Python reads as a number and no device writes: 1_0, and other alphabets' digits."""
    if isinstance(raw, str | bytes) and (not raw.isascii() or ("_" if isinstance(raw, str) else b"_") in raw):  # type: ignore[operator]
        raise ValueError(raw)
    return raw


def divided(by: int) -> Callable[[int], float]:
    """A reader of an integer in parts of a unit."""
    return lambda raw: raw / by


def integer(by: int = 1, order: Literal["little", "big"] = "big", *, signed: bool = False) -> Callable[[bytes], float]:
    """A reader of an integer of as many bytes as there are, in parts of a unit; an int where those are whole ones."""

    def read(raw: bytes) -> float:
        value = int.from_bytes(raw, order, signed=signed)
        return value if by == 1 else value / by

    return read


def choice(values: Mapping[Any, Any]) -> Callable[[Any], Any]:
    """A reader that knows each value by what is on the wire; a value of None says nothing."""

    def read(raw: Any) -> Any:
        if raw not in values:
            raise ValueError(raw)
        return values[raw]

    return read


flag = choice({"1": True, "0": False, 1: True, 0: False})
latitude = number(-90, 90)
longitude = number(-180, 180)
speed_kmh = number(0, 2000)
speed_knots = number(0, 2000, KNOT_KMH)
satellites = whole(0, 99)
hdop = number(0, 100)


def course(raw: Any) -> float:
    """Degrees clockwise from true north; 360 is north too."""
    value = float(_plain(raw))
    if not 0 <= value <= 360:
        raise ValueError(raw)
    return value % 360


def percent(raw: Any) -> int:
    """A whole number of hundredths."""
    value = int(raw)
    if not 0 <= value <= 100:
        raise ValueError(f"{raw} is not a percentage")
    return value


def ascii_text(raw: bytes) -> str:
    """Text without its padding of zeros. Raises ValueError where it has other characters than ASCII's printable ones."""
    text = raw.rstrip(b"\0").decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"{raw[:40].hex()} is not printable ASCII")
    return text


def printable(raw: Any) -> str:
    """Text of a device: bytes in UTF-8 or Latin-1, padding taken off. Raises ValueError where it has control characters."""
    if isinstance(raw, bytes | bytearray):
        raw = raw.strip(b"\0\xff ")
        try:
            raw = raw.decode()
        except UnicodeDecodeError:
            raw = raw.decode("latin-1")
    text = str(raw).strip()
    if not text.isprintable():
        raise ValueError(raw)
    return text


def ddmm(text: str, hemisphere: str = "") -> float:
    """Degrees of a coordinate written [D]DDMM.MMMM, as NMEA 0183 does: the last two whole digits are minutes.

    ``hemisphere``: N, S, E, W, or "" where the sign says it.
    """
    match = _DDMM.fullmatch(text)
    if not match:
        raise ValueError(text)
    minutes, sign = float(match[3]), _SIGNS.get(hemisphere.upper())
    if minutes >= 60 or sign is None:
        raise ValueError(f"{text} {hemisphere}")
    return (-sign if match[1] else sign) * (int(match[2] or 0) + minutes / 60)


def clock(date: str, time: str = "000000", order: str = "dmy") -> int:
    """Milliseconds since 1970 UTC of a date of six digits and a time HHMMSS[.fraction].

    ``order`` says in which order day, month and year (of this century) stand. Raises ValueError where there is no such time.
    """
    seconds, _, fraction = time.partition(".")
    if not (date.isascii() and date.isdecimal() and len(date) == 6 and seconds.isascii() and seconds.isdecimal()):
        raise ValueError(f"{date} {time}")
    if len(seconds) != 6 or not (fraction == "" or (fraction.isascii() and fraction.isdecimal())):
        raise ValueError(f"{date} {time}")
    parts = {name: int(date[at * 2 : at * 2 + 2]) for at, name in enumerate(order)}
    whole_ms = utc_ms(2000 + parts["y"], parts["m"], parts["d"], *(int(seconds[at : at + 2]) for at in (0, 2, 4)))
    return whole_ms + int((fraction + "000")[:3])


def shallow(raw: Any, depth: int = 3) -> Any:
    """A JSON value as it is; raises ValueError where lists or objects are in more than so many others, as no device has them."""
    if isinstance(raw, dict | list):
        if not depth:
            raise ValueError("nested too deeply")
        for each in raw.values() if isinstance(raw, dict) else raw:
            shallow(each, depth - 1)
    return raw


def unix_or_iso(raw: Any) -> int:
    """Milliseconds since 1970 UTC of a Unix time, in milliseconds from 2**31 on, or of ISO 8601, in UTC unless it says where."""
    text = str(raw).strip()
    if _NUMBER.fullmatch(text):
        value = float(text)
        milliseconds = round(value * 1000 if abs(value) < 2**31 else value)
    else:
        moment = datetime.fromisoformat(text)
        milliseconds = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if not abs(milliseconds) <= _LATEST:
        raise ValueError(raw)
    return milliseconds
