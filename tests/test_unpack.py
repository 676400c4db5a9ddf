"""The integers of a binary report, taken one after the other."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from waygps.readers import divided, integer, percent
from waygps.reading import Reading, Widths

LAYOUT: Widths = ((1, "satellites", None), (2, "", None), (1, "battery_pct", percent), (2, "rpm", None))


class UnpackTests(SynchronousTestCase):
    def taken(self, data: str, at: int = 0) -> tuple[Reading, int]:
        reading = Reading()
        return reading, reading.unpack(LAYOUT, bytes.fromhex(data), at)

    def test_fields_in_order(self) -> None:
        """Each field is read from its own bytes, the unused ones are passed over, and the rest is still there."""
        reading, end = self.taken("ff 07 abcd 32 0102 99", 1)
        assert (reading.fields, reading.attributes) == ({"satellites": 7, "battery_pct": 50}, {"rpm": 0x0102})
        assert (end, reading.warnings) == (7, [])

    def test_a_value_that_cannot_be(self) -> None:
        """A charge of 200 % costs the charge, and what follows is read all the same."""
        reading, _ = self.taken("07 abcd c8 0102")
        assert (reading.fields, reading.attributes) == ({"satellites": 7}, {"rpm": 0x0102})
        assert reading.warnings == ["battery_pct cannot be 200"]

    def test_cut_off(self) -> None:
        """Where the bytes end the fields end, with one warning; what came before stays."""
        reading, end = self.taken("07 abcd 32 01")
        assert (reading.fields, end) == ({"satellites": 7, "battery_pct": 50}, 5)
        assert reading.warnings == ["rpm is cut off"]
        assert self.taken("07 ab")[0].warnings == ["a field is cut off"]

    def test_nothing_left(self) -> None:
        """A report that ends before the first field says nothing of it, however far behind the end it would be."""
        reading, end = self.taken("01", 5)
        assert (reading.fields, reading.attributes, end) == ({}, {}, 1)


class ElementTests(SynchronousTestCase):
    NAMES = {
        0x31: ("satellites", integer()),
        0x01: ("odometer_km", integer(10)),
        0x10: ("temperature_c", integer(2, signed=True)),
    }

    def test_by_their_tags(self) -> None:
        """Known elements get their name and unit, and an unknown one is kept as it came."""
        reading = Reading()
        reading.tagged(self.NAMES, [(0x31, b"\x07"), (0x01, b"\0\0\1\0"), (0x10, b"\xff\xfe"), (0xF7, b"\xab\xcd")])
        assert reading.fields == {"satellites": 7, "odometer_km": 25.6}
        assert reading.attributes == {"temperature_c": -1, "element_f7": "abcd"}

    def test_order(self) -> None:
        """A device that writes the lowest byte first is read so."""
        assert integer(order="little")(b"\1\2") == 0x0201
        assert integer()(b"\1\2") == 0x0102

    def test_parts_of_a_unit(self) -> None:
        """739 hundredths of a volt are 7.39 V, to the last digit."""
        assert divided(100)(739) == 7.39
