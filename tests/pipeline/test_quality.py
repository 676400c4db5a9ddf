"""The rule behind calidad_datos, as its table says it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import a_fix
from waygps.pipeline.quality import quality

CASES = [
    # satellites, hdop, valid, quality
    (None, None, True, "buena"),
    (None, 0.0, True, "buena"),
    (8, 1.5, True, "excelente"),
    (8, 1.6, True, "buena"),
    (7, 1.0, True, "buena"),
    (8, None, True, "buena"),
    (12, 0.0, True, "buena"),
    (None, 1.0, True, "buena"),
    (5, 5.0, True, "buena"),
    (5, 5.1, True, "regular"),
    (4, None, True, "regular"),
    (4, 1.0, True, "regular"),
    (12, 10.0, True, "regular"),
    (12, 10.1, True, "mala"),
    (3, 1.0, True, "mala"),
    (0, None, True, "mala"),
    (12, 0.8, False, "mala"),
    (None, None, False, "mala"),
]


class QualityTests(SynchronousTestCase):
    def test_table(self) -> None:
        """A row in the history says how far its position can be trusted, by the documented rule and its bounds."""
        for satellites, hdop, valid, expected in CASES:
            found = quality(a_fix(satellites=satellites, hdop=hdop, valid=valid))
            assert found == expected, (satellites, hdop, valid, found)

    @given(st.none() | st.integers(0, 255), st.none() | st.floats(0, 99.99), st.booleans())
    def test_never_better_with_less(self, satellites: int | None, hdop: float | None, valid: bool) -> None:
        """Losing the fix never makes a position look better, and there are only the four words of the data contract."""
        order = ["mala", "regular", "buena", "excelente"]
        found = quality(a_fix(satellites=satellites, hdop=hdop, valid=valid))
        lost = quality(a_fix(satellites=satellites, hdop=hdop, valid=False))
        assert order.index(lost) <= order.index(found)

    @given(st.integers(0, 254), st.floats(0.01, 99))
    def test_more_satellites_are_no_worse(self, satellites: int, hdop: float) -> None:
        """One satellite more never makes a position look worse."""
        order = ["mala", "regular", "buena", "excelente"]
        less, more = (quality(a_fix(satellites=number, hdop=hdop)) for number in (satellites, satellites + 1))
        assert order.index(less) <= order.index(more)
