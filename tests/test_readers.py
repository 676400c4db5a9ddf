"""Readers of single fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from waygps.bits import utc_ms
from waygps.readers import (
    choice,
    clock,
    course,
    ddmm,
    flag,
    hdop,
    latitude,
    longitude,
    number,
    percent,
    printable,
    satellites,
    speed_kmh,
    speed_knots,
    whole,
)

FOREIGN = "\uff11\uff12"
"""12 in full-width digits, which Python takes for a number."""


class ReaderTests(SynchronousTestCase):
    def refuses(self, read: Callable[[Any], Any], *raws: Any) -> None:
        for raw in raws:
            self.assertRaises(ValueError, read, raw)

    def test_number(self) -> None:
        """A number is read from text, bytes or a number, scaled, and has to be within its bounds."""
        read = number(-10, 10, 0.1)
        assert [read(raw) for raw in ("55", b"55", 55, "-100", "+100", " 5 ", "1e1")] == [5.5, 5.5, 5.5, -10, 10, 0.5, 1]
        self.refuses(read, "101", "-100.5", "nan", "inf", "-inf", "", "x", "1,5", "0x10")
        self.refuses(number(), "nan", "inf", "1e999")

    def test_what_only_python_reads(self) -> None:
        """A flipped bit in a number makes it unreadable, not another number: no device writes 1_0 or full-width digits."""
        for read in (number(), whole(), whole(base=16), course, latitude):
            self.refuses(read, "1_0", b"1_0", FOREIGN, FOREIGN.encode())

    def test_whole(self) -> None:
        """A whole number is not rounded from anything else, and may be of another base."""
        assert (whole()("12"), whole()(b"12"), whole()(12), whole(base=16)("fF"), whole(-5, 5)("-5")) == (12, 12, 12, 255, -5)
        self.refuses(whole(), "1.5", "-1", "", "1e3", str(2**63))
        self.refuses(whole(0, 9), "10", 10)

    def test_choice(self) -> None:
        """What is not listed says nothing."""
        read = choice({"A": True, "V": False, "-": None})
        assert (read("A"), read("V"), read("-")) == (True, False, None)
        self.refuses(read, "X", "")

    def test_usual_fields(self) -> None:
        """The bounds of what every device reports."""
        assert (flag("1"), flag("0"), flag(1), flag(0)) == (True, False, True, False)
        assert (latitude("-90"), longitude("180"), satellites("99"), percent("100")) == (-90, 180, 99, 100)
        assert (hdop("0.9"), speed_kmh("12.5")) == (0.9, 12.5)
        assert math.isclose(speed_knots("10"), 18.52)
        self.refuses(flag, "2", "", "on")
        self.refuses(latitude, "90.0001")
        self.refuses(longitude, "-180.0001")
        self.refuses(percent, "101", "-1")
        self.refuses(satellites, "100")
        self.refuses(speed_kmh, "-1", "2001")

    def test_course(self) -> None:
        """360 degrees are north; there are no others outside of a circle."""
        assert (course("0"), course("359.9"), course("360")) == (0, 359.9, 0)
        self.refuses(course, "360.1", "-1", "nan", "")

    def test_printable(self) -> None:
        """Text comes without its padding, in either encoding, and without control characters."""
        assert printable(b"ACME\0\0\xff") == "ACME"
        assert printable("Per\u00fa".encode()) == printable("Per\u00fa".encode("latin-1")) == "Per\u00fa"
        assert printable(" x ") == "x"
        assert printable(b"\0\0") == ""
        self.refuses(printable, "a\nb", b"a\0b", "\x1b[2J")


class CoordinateTests(SynchronousTestCase):
    def test_known(self) -> None:
        """The coordinates of NMEA 0183, either hemisphere, by letter or by sign."""
        assert math.isclose(ddmm("4807.038", "N"), 48.1173)
        assert math.isclose(ddmm("01131.000", "W"), -11.516666666666667)
        assert math.isclose(ddmm("-3436.2233"), -34.603721666666665)
        assert (ddmm("07", "e"), ddmm("0007.5"), ddmm("12000.", "E")) == (7 / 60, 7.5 / 60, 120)

    def test_what_is_none(self) -> None:
        """Minutes over 59, other letters and alphabets are refused."""
        for text, hemisphere in (
            ("4860.0", "N"),
            ("4807.0", "X"),
            ("7", "N"),
            ("", "N"),
            ("48 07", "N"),
            ("123456", ""),
            (FOREIGN * 2, ""),
        ):
            self.assertRaises(ValueError, ddmm, text, hemisphere)

    @given(st.integers(0, 179), st.integers(0, 59), st.integers(0, 9999), st.sampled_from("NSEW"))
    def test_any(self, degrees: int, minutes: int, fraction: int, hemisphere: str) -> None:
        """Every coordinate is the one that was written."""
        expected = (degrees + (minutes + fraction / 10_000) / 60) * (-1 if hemisphere in "SW" else 1)
        assert math.isclose(ddmm(f"{degrees:03}{minutes:02}.{fraction:04}", hemisphere), expected, abs_tol=1e-9)


class ClockTests(SynchronousTestCase):
    @given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))
    def test_orders(self, moment: datetime) -> None:
        """A time is the same in whatever order its date is written."""
        expected = round(moment.replace(microsecond=0, tzinfo=UTC).timestamp()) * 1000
        for order, form in (("dmy", "%d%m%y"), ("ymd", "%y%m%d"), ("mdy", "%m%d%y")):
            assert clock(moment.strftime(form), moment.strftime("%H%M%S"), order) == expected

    def test_fractions(self) -> None:
        """Fractions of a second are kept to the millisecond."""
        noon = utc_ms(2026, 11, 24, 12)
        found = [clock("241126", text) - noon for text in ("120000", "120000.5", "120000.25", "120000.1239", "120000.")]
        assert found == [0, 500, 250, 123, 0]
        assert clock("241126") == utc_ms(2026, 11, 24)

    def test_no_such_time(self) -> None:
        """What is no time is refused."""
        for date, time in (
            ("311126", "120000"),
            ("24112", "120000"),
            ("2411266", "120000"),
            ("241126", "240000"),
            ("241126", "126000"),
            ("241126", "12000"),
            ("241126", "120000.x"),
            ("241126", "120000,5"),
            ("24-1-6", "120000"),
            (FOREIGN * 3, "120000"),
            ("", ""),
        ):
            self.assertRaises(ValueError, clock, date, time)
