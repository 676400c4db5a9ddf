"""What a message says, put together piece by piece."""

from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from waygps.fix import Fix, Vitals
from waygps.readers import latitude, longitude, number, percent, whole
from waygps.reading import Reading, message, tlv


def positioned(**more: object) -> Reading:
    """A report with a position."""
    reading = Reading()
    for name, value in {"lat": 1.5, "lon": 2.5, **more}.items():
        reading.put(name, value)
    return reading


class PieceTests(SynchronousTestCase):
    def test_where_it_goes(self) -> None:
        """A name of a fix's field goes there, any other among the attributes."""
        reading = positioned(speed_kmh=10.0, rpm=900)
        assert reading.fix() == Fix(time=None, lat=1.5, lon=2.5, speed_kmh=10.0, attributes={"rpm": 900})
        assert reading.message("77").fixes == (reading.fix(),)

    def test_what_says_nothing(self) -> None:
        """Empty pieces, and those that mean nothing, are left out without a word; 0 and False are something."""
        reading = positioned()
        for raw in (None, "", b"", bytearray()):
            reading.put("altitude_m", raw, number())
        reading.put("gsm", 99, lambda raw: None)
        reading.put("satellites", 0, whole())
        reading.put("ignition", False)
        assert reading.fix() == Fix(time=None, lat=1.5, lon=2.5, satellites=0, ignition=False)
        assert reading.warnings == []

    def test_unreadable_piece(self) -> None:
        """A piece that cannot be read costs itself, whatever its reader raises, and is told."""
        reading = positioned()
        faults = (ValueError, ZeroDivisionError, OverflowError, KeyError, IndexError, struct.error, UnicodeDecodeError)
        for number_of, fault in enumerate(faults):

            def read(raw: object, fault: type[Exception] = fault) -> None:
                raise fault("utf-8", b"", 0, 1, "") if fault is UnicodeDecodeError else fault

            reading.put(f"x{number_of}", "raw", read)
        reading.put("battery_pct", "101", percent)
        assert reading.fix() == Fix(time=None, lat=1.5, lon=2.5)
        assert reading.warnings[-1] == "battery_pct cannot be '101'"
        assert len(reading.warnings) == len(faults) + 1

    def test_long_pieces_are_shown_short(self) -> None:
        """A warning does not carry a kilobyte; bytes are shown as hex."""
        reading = Reading()
        reading.put("a", b"\x01\xff", number())
        reading.put("b", "y" * 1000, number())
        assert reading.warnings[0] == "a cannot be 01ff"
        assert len(reading.warnings[1]) < 80

    def test_take(self) -> None:
        """A line is read by its layout; unnamed pieces are passed over, missing and further ones are no fault."""
        layout = (("lat", latitude), ("", None), ("lon", longitude), ("note", None), ("rpm", whole()))
        for raws in (["1.5", "zzz", "2.5", "hi"], ["1.5", "zzz", "2.5", "hi", "", "more"]):
            reading = Reading()
            reading.take(layout, raws)
            assert reading.fix() == Fix(time=None, lat=1.5, lon=2.5, attributes={"note": "hi"})
            assert reading.warnings == []

    def test_bits(self) -> None:
        """Each named bit is a flag, the lowest is 0."""
        reading = Reading()
        reading.bits(0b101, {0: "din1", 1: "din2", 2: "ignition"})
        assert (reading.attributes, reading.fields) == ({"din1": True, "din2": False}, {"ignition": True})


class NeedTests(SynchronousTestCase):
    def test_reasons(self) -> None:
        """A report without a position it should have says why, by the first reason, and is no fix; no warning says it twice."""
        for raw, reason in (("", "lat is missing"), ("91", "lat cannot be '91'")):
            reading = Reading()
            reading.need("lat", raw, latitude)
            reading.need("lon", "", longitude)
            assert (reading.unreadable, reading.warnings, reading.is_fix) == (reason, [], False)
            assert reading.message("7").unreadable == reason

    def test_met(self) -> None:
        """A needed piece that is there is like any other."""
        reading = Reading()
        reading.need("lat", "1", latitude)
        reading.need("lon", "2", longitude)
        assert (reading.unreadable, reading.is_fix) == ("", True)


class MessageTests(SynchronousTestCase):
    def test_several(self) -> None:
        """The reports of one message keep their order; one that cannot be read costs no other, a warning is said once."""
        broken = Reading()
        broken.need("lat", "x", latitude)
        first, last = positioned(odometer_km=1), positioned(odometer_km=2)
        for reading in (first, last):
            reading.put("gsm", "x", whole())
        found = message([first, broken, last], "77", b"ok", b"no")
        assert [fix.odometer_km for fix in found.fixes] == [1, 2]
        assert (found.device, found.reply, found.refusal) == ("77", b"ok", b"no")
        assert (found.unreadable, found.warnings) == ("lat cannot be 'x'", ("gsm cannot be 'x'",))

    def test_vitals(self) -> None:
        """A heartbeat says how the vehicle is without saying where; a report with a position needs no such."""
        beat = Reading()
        beat.put("battery_pct", 80)
        beat.put("ignition", False)
        beat.put("satellites", 3)
        found = beat.message("77")
        assert (found.fixes, found.vitals) == ((), Vitals(battery_pct=80, ignition=False))
        assert positioned(battery_pct=80).message("77").vitals is None
        assert Reading().message("77").vitals is None

    def test_newest_vitals(self) -> None:
        """Of several the last that says something counts."""
        one, two, empty = Reading(), Reading(), Reading()
        one.put("gsm", 1)
        two.put("gsm", 2)
        assert message([one, two, empty]).vitals == Vitals(gsm=2)


class ElementTests(SynchronousTestCase):
    HEAD = struct.Struct(">BH")

    def elements(self, data: bytes) -> tuple[list[tuple[int, bytes]], list[str]]:
        reading = Reading()
        return list(tlv(data, self.HEAD, reading)), reading.warnings

    def test_elements(self) -> None:
        """Elements are found in order, empty ones included."""
        assert self.elements(b"\x01\0\x02ab\x02\0\0") == ([(1, b"ab"), (2, b"")], [])
        assert self.elements(b"") == ([], [])

    def test_cut_short(self) -> None:
        """An element that runs past the end is left out and told; what came before it stays."""
        whole_one = b"\x01\0\x01a"
        assert self.elements(whole_one + b"\x02\0\x05b") == ([(1, b"a")], ["element 0x2 has 5 bytes, 1 are there"])
        assert self.elements(whole_one + b"\x02\0") == ([(1, b"a")], ["2 bytes behind the last element"])
