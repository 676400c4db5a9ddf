"""What decoders share."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from waygps.bits import (
    bcd_digits,
    crc8_nrsc5,
    crc16_arc,
    crc16_ccitt_false,
    crc16_kermit,
    crc16_modbus,
    crc16_x25,
    ddmm_text,
    digits_ms,
    sum8,
    utc_ms,
    xor8,
)
from waygps.errors import DecodeError
from waygps.readers import ddmm


class ChecksumTests(SynchronousTestCase):
    def test_check_values(self) -> None:
        """Each checksum is the one that the vendors' sheets mean, by its published check value."""
        assert crc16_arc(b"123456789") == 0xBB3D
        assert crc16_ccitt_false(b"123456789") == 0x29B1
        assert crc16_x25(b"123456789") == 0x906E
        assert crc16_kermit(b"123456789") == 0x2189
        assert crc16_modbus(b"123456789") == 0x4B37
        assert crc8_nrsc5(b"123456789") == 0xF7
        assert xor8(b"123456789") == 0x31
        assert sum8(b"123456789") == 0xDD

    def test_sentence(self) -> None:
        """The checksum of a sentence of NMEA 0183 is what stands behind its asterisk."""
        assert xor8(b"GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W") == 0x6A

    def test_nothing(self) -> None:
        """The checksum of nothing is the start value."""
        assert (crc16_arc(b""), crc16_ccitt_false(b""), crc8_nrsc5(b"")) == (0, 0xFFFF, 0xFF)
        assert (crc16_x25(b""), crc16_kermit(b""), crc16_modbus(b""), xor8(b""), sum8(b"")) == (0, 0, 0xFFFF, 0, 0)

    @given(st.binary(min_size=1, max_size=60), st.integers(0, 59), st.integers(1, 255))
    def test_a_changed_byte(self, data: bytes, place: int, change: int) -> None:
        """No checksum overlooks a single byte that the network changed."""
        wrong = bytearray(data)
        wrong[place % len(data)] ^= change
        for checksum in (crc16_arc, crc16_ccitt_false, crc16_x25, crc16_kermit, crc16_modbus, crc8_nrsc5, xor8, sum8):
            assert checksum(bytes(wrong)) != checksum(data)


class BcdTests(SynchronousTestCase):
    @given(st.from_regex(r"([0-9]{2})+", fullmatch=True).filter(str.isascii))
    def test_digits(self, digits: str) -> None:
        """An identification packed two digits a byte reads as its digits, leading zeros included."""
        assert bcd_digits(bytes.fromhex(digits)) == digits

    def test_not_bcd(self) -> None:
        """A nibble above nine is refused, with the bytes for the log."""
        with self.assertRaises(DecodeError) as caught:
            bcd_digits(b"\x12\x3a")
        assert str(caught.exception) == "123a is not BCD"
        assert caught.exception.data == b"\x12\x3a"


class TimeTests(SynchronousTestCase):
    @given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)))
    def test_calendar(self, moment: datetime) -> None:
        """A calendar time is the millisecond that Python's own calendar gives, to the second."""
        moment = moment.replace(microsecond=0)
        expected = round(moment.replace(tzinfo=UTC).timestamp()) * 1000
        assert utc_ms(*moment.timetuple()[:6]) == expected
        assert digits_ms(moment.strftime("%Y%m%d%H%M%S").rjust(14, "0")) == expected

    def test_known(self) -> None:
        """2026-11-24 07:30:00 UTC is the millisecond it is."""
        assert digits_ms("20261124073000") == 1_795_505_400_000

    def test_no_such_time(self) -> None:
        """What is no time is refused, other alphabets' digits and a leap day of an odd year included."""
        for text in (
            "",
            "2026112407300",
            "202611240730000",
            "20261324073000",
            "20250229000000",
            "2026112407300x",
            "\uff12\uff10261124073000",
        ):
            self.assertRaises(ValueError, digits_ms, text)


class CoordinateTests(SynchronousTestCase):
    def test_written(self) -> None:
        """A simulated device writes its position as a receiver does, minutes rounded up to the next degree included."""
        assert ddmm_text(-34.6037) == "3436.2220,S"
        assert ddmm_text(8.5, "EW") == "00830.0000,E"
        assert ddmm_text(-0.0000001, "EW", 2) == "00000.00,W"
        assert ddmm_text(1.9999999999, places=5) == "0200.00000,N"

    @given(st.floats(-180, 180))
    def test_read_back(self, degrees: float) -> None:
        """It is read back to a fifth of a metre."""
        number, hemisphere = ddmm_text(degrees, "EW").split(",")
        assert abs(ddmm(number, hemisphere) - degrees) < 1e-6
