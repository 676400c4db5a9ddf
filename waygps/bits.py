"""What decoders share: checksums, BCD, calendar times. Pure functions.

The checksums come from fastcrc, by the names of the CRC catalogue that it uses.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from operator import xor

from fastcrc import crc8, crc16

from waygps.errors import DecodeError

crc16_arc = crc16.arc
"""CRC-16/ARC (poly 0x8005 reflected, init 0). Check value of b"123456789": 0xBB3D."""

crc16_ccitt_false = crc16.ibm_3740
"""CRC-16/CCITT-FALSE (poly 0x1021, init 0xFFFF). Check value of b"123456789": 0x29B1."""

crc16_x25 = crc16.ibm_sdlc
"""CRC-16/X-25, also CRC-ITU (poly 0x1021 reflected, init and xorout 0xFFFF). Check value of b"123456789": 0x906E."""

crc16_kermit = crc16.kermit
"""CRC-16/KERMIT (poly 0x1021 reflected, init 0). Check value of b"123456789": 0x2189."""

crc16_modbus = crc16.modbus
"""CRC-16/MODBUS (poly 0x8005 reflected, init 0xFFFF). Check value of b"123456789": 0x4B37."""

crc8_nrsc5 = crc8.nrsc_5
"""CRC-8/NRSC-5 (poly 0x31, init 0xFF). Check value of b"123456789": 0xF7."""


def xor8(data: bytes) -> int:
    """All bytes combined by exclusive or, as NMEA 0183 and many trackers do. Value of b"123456789": 0x31."""
    return reduce(xor, data, 0)


def sum8(data: bytes) -> int:
    """The lowest eight bits of the sum of all bytes. Value of b"123456789": 0xDD."""
    return sum(data) & 0xFF


def bcd_digits(data: bytes) -> str:
    """Read packed BCD as decimal digits, high nibble first. Raises DecodeError where a nibble is not a digit."""
    digits = data.hex()
    if not digits.isdecimal():
        raise DecodeError(f"{digits} is not BCD", data)
    return digits


def bcd_decimal(data: bytes, size: int) -> str:
    """Read a binary whole number of ``size`` bytes, and the packed BCD digits after it as its decimals.

    The text cannot be read as a number where they are no BCD.
    """
    digits = data[size:].hex()
    return f"{int.from_bytes(data[:size])}.{digits}" if digits.isdecimal() else f"{digits} in BCD"


def utc_ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Milliseconds since 1970-01-01 UTC of a calendar time. Raises ValueError where there is no such time."""
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1000


def digits_ms(text: str) -> int:
    """Milliseconds of a time written YYYYMMDDHHMMSS, in UTC. Raises ValueError where it is not one."""
    if len(text) != 14 or not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is not a time of 14 digits")
    return utc_ms(int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2)))


def ddmm_text(degrees: float, hemispheres: str = "NS", places: int = 4) -> str:
    """A coordinate as NMEA 0183 writes it, the hemisphere behind a comma: DDMM.MMMM,N or, for "EW", DDDMM.MMMM,E."""
    unit = 10**places
    whole, minutes = divmod(round(abs(degrees) * 60 * unit), 60 * unit)
    digits = 2 if hemispheres == "NS" else 3
    return f"{whole:0{digits}}{minutes / unit:0{places + 3}.{places}f},{hemispheres[degrees < 0]}"
