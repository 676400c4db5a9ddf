"""Elements of binary reports, as vendors take and pack them."""

from __future__ import annotations

import struct
from struct import Struct
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from waygps.elements import Layout, announced, groups, network, packed, scaled, signed, take, take_announced
from waygps.fix import Fix
from waygps.readers import ascii_text, percent
from waygps.reading import Elements, Reading, known

IDS: Elements = {1: ("battery_pct", percent), 2: ("power_v", scaled(10, 255)), 3: ("temperature_c", signed(1))}
LAYOUT = Layout(Struct(">B"), 1, groups("B", {1: IDS, 2: {4: ("fuel", None)}}), (Struct(">BB"), known({9: ("vin", ascii_text)})))
DATA = bytes((3, 1, 80, 2, 120, 3, 0xF6, 1, 4, 1, 0, 2, 9, 2)) + b"AB" + bytes((8, 1, 0xFF))


class TakeTests(SynchronousTestCase):
    def taken(self, data: bytes, layout: Layout = LAYOUT) -> tuple[Reading, tuple[int, int]]:
        """What is read of the elements, their number and where they end."""
        reading = Reading()
        return reading, take(reading, data, 0, layout)

    def test_groups(self) -> None:
        """Each element goes where its name belongs, whatever width its value has; an unknown one is shown by its number."""
        reading, (number, end) = self.taken(DATA + b"rest")
        assert (number, end, reading.warnings) == (6, len(DATA), [])
        assert reading.fields == {"battery_pct": 80, "power_v": 12.0}
        assert reading.attributes == {"temperature_c": -10, "fuel": 256, "vin": "AB", "io8": "ff"}

    def test_wide_counters(self) -> None:
        """Where the number of elements takes two bytes, so it does in every group."""
        layout = Layout(Struct(">B"), 2, groups("H", {1: IDS}), (Struct(">HH"), {}))
        reading, (number, end) = self.taken(bytes((0, 1, 0, 1, 80, 0, 1, 0, 5, 0, 1, 7)), layout)
        assert (number, end, reading.fields, reading.attributes) == (2, 12, {"battery_pct": 80}, {"io5": "07"})

    def test_a_fault_costs_its_element(self) -> None:
        """An element that cannot be read is a warning, one that says nothing is none, and the others stay."""
        reading, _ = self.taken(bytes((3, 1, 101, 2, 255, 3, 5, 0, 0)))
        assert (reading.fields, reading.attributes) == ({}, {"temperature_c": 5})
        assert reading.warnings == ["io1 (battery_pct): 101 is not a percentage"]

    def test_cut_short(self) -> None:
        """Elements that run past the end are told, wherever they are cut, and the whole ones before the cut stay."""
        for size in range(len(DATA)):
            reading = Reading()
            with self.assertRaises((IndexError, struct.error)):
                take(reading, DATA[:size], 0, LAYOUT)
            assert reading.fields.get("battery_pct") == (80 if size >= 3 else None)
            assert reading.attributes.get("vin") == ("AB" if size >= 16 else None)


class AnnouncedTests(SynchronousTestCase):
    layout = ((0, 1, "gsm", int.from_bytes), (0, 2, "", None), (3, 2, "power_v", lambda raw: int.from_bytes(raw) / 10))

    def test_mask(self) -> None:
        """Only the fields that the mask announces are read, where they stand; one without a name is passed over."""
        wanted = {0b1: ({"gsm": 1}, 3), 0b1000: ({"power_v": 25.8}, 2), 0b1001: ({"gsm": 1, "power_v": 102.9}, 5), 0b110: ({}, 0)}
        for mask, (fields, end) in wanted.items():
            reading = Reading()
            assert take_announced(reading, bytes((1, 2, 3, 4, 5)), 0, announced(self.layout, mask)) == end
            assert reading.fields == fields

    def test_cut_short(self) -> None:
        """A field that runs past the end is told, and the ones before it stay."""
        reading = Reading()
        with self.assertRaises(IndexError):
            take_announced(reading, bytes(4), 0, announced(self.layout, 0b1001))
        assert reading.fields == {"gsm": 0}


class ReaderTests(SynchronousTestCase):
    def test_signed(self) -> None:
        """Values below zero are read by their width; a value that stands for a fault is none."""
        assert [signed(1)(raw) for raw in (0, 127, 128, 255)] == [0, 127, -128, -1]
        assert (signed(2, 10)(0xFFCE), signed(4, 10)(0xFFFFFFCE)) == (-5, -5)
        with self.assertRaises(ValueError) as caught:
            signed(2, 10, {3000: "not connected"})(3000)
        assert str(caught.exception) == "3000 means not connected"

    def test_texts(self) -> None:
        """Text is read without its padding, and bytes that are none are refused."""
        assert ascii_text(b"WDB1\0\0") == "WDB1"
        with self.assertRaises(ValueError) as caught:
            ascii_text(b"\0\xff")
        assert str(caught.exception) == "00ff is not printable ASCII"

    def test_network(self) -> None:
        """The code of an operator is shown as country and network too; one that is no such code is a warning."""
        wanted: dict[int, dict[str, Any]] = {24602: {"mcc": 246, "mnc": 2}, 310260: {"mcc": 310, "mnc": 260}, 0: {}, 777: {}}
        for code, numbers in wanted.items():
            reading = Reading()
            reading.attributes["operator"] = code
            network(reading, "io7")
            assert reading.attributes == {"operator": code} | numbers
            assert reading.warnings == ([] if code != 777 else ["io7 (operator): 777 is not a code of 5 or 6 digits"])


class PackedTests(SynchronousTestCase):
    def test_what_is_packed_is_taken(self) -> None:
        """A simulated device's elements are what a vendor's tables read; what the fix does not say is not sent."""
        fix = Fix(time=0, lat=0, lon=0, battery_pct=80, attributes={"fuel": 256})
        sent = (((1, "B", "battery_pct", 1), (2, "B", "power_v", 10)), ((4, "H", "fuel", 1),))
        number, data = packed(fix, "B", sent)
        reading = Reading()
        assert take(reading, data, 0, LAYOUT._replace(variable=None)) == (number, len(data)) == (2, 7)
        assert (reading.fields, reading.attributes) == ({"battery_pct": 80}, {"fuel": 256})
