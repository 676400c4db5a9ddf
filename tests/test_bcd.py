"""Numbers of which only the decimals are packed two digits a byte."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from waygps.bits import bcd_decimal


class DecimalTests(SynchronousTestCase):
    def test_decimal(self) -> None:
        """A coordinate of a binary number and packed decimals reads as its number, and as none where it is not packed so."""
        assert bcd_decimal(bytes.fromhex("0c063565"), 1) == "12.063565"
        assert bcd_decimal(bytes.fromhex("001a30"), 2) == "26.30"
        with self.assertRaises(ValueError):
            float(bcd_decimal(bytes.fromhex("0c0635e5"), 1))
