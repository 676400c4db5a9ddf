"""How far the clocks of devices are off, as reports a minute apart show it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON
from waygps.pipeline.clocks import MINUTE, OFF, SAMPLES, SPREAD, Clocks

HOUR = 3_600_000
VAN, BUS = 7, 8


class ClocksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clocks = Clocks()
        self.now = NOON

    def hear(self, offset: int, later: int = MINUTE, vehicle: int = VAN) -> int:
        """A report, so much later than the last, whose time is off by so much."""
        self.now += later
        return self.clocks.hear(vehicle, self.now + offset, self.now)

    def heard(self, *offsets: int) -> list[int]:
        """The skews after reports a minute apart with these offsets."""
        return [self.hear(offset) for offset in offsets]

    def test_wrong_time_zone(self) -> None:
        """A clock that is three hours behind is known after ten reports a minute apart, and not before."""
        assert self.heard(*[-3 * HOUR] * (SAMPLES + 2)) == [0] * (SAMPLES - 1) + [-3 * HOUR] * 3

    def test_ahead(self) -> None:
        """A clock that is five minutes ahead, which is still believed, is known too, with the delays of the network."""
        assert self.heard(*(300_000 - delay for delay in range(0, 20_000, 2_000)))[-1] == 290_000

    def test_right(self) -> None:
        """A clock that is right, but for seconds of delay, is never called wrong."""
        assert set(self.heard(*(-1_000 * second for second in range(30)))) == {0}

    def test_bound_of_right(self) -> None:
        """A clock counts as wrong from a minute on, in either direction."""
        for sign in (1, -1):
            assert self.heard(*[sign * (OFF - 1)] * SAMPLES)[-1] == 0
            assert self.heard(*[sign * OFF] * SAMPLES)[-1] == sign * OFF

    def test_memory_being_sent(self) -> None:
        """A device that sends what it kept of three hours catches up, and its clock is not called wrong."""
        assert set(self.heard(*range(-3 * HOUR, 0, HOUR // 20))) == {0}

    def test_memory_sent_in_one_minute(self) -> None:
        """A device that sends a hundred old reports within a minute has told the time once."""
        skews = [self.hear(-3 * HOUR, later=500) for _ in range(100)]
        assert set(skews) == {0}
        assert self.clocks.offset(VAN) is None

    def test_mended(self) -> None:
        """A clock that was set right is believed from its next minute on."""
        self.heard(*[-3 * HOUR] * SAMPLES)
        assert self.clocks.skew(VAN) == -3 * HOUR
        assert self.heard(*[-2_000] * (2 * SAMPLES)) == [0] * (2 * SAMPLES)

    def test_wandering(self) -> None:
        """A clock whose error changes by more than networks do is nobody's constant error."""
        self.heard(*(-HOUR - number * (SPREAD // (SAMPLES - 1) + 1) for number in range(SAMPLES)))
        assert self.clocks.skew(VAN) == 0

    def test_far_future(self) -> None:
        """A clock that is decades ahead is known like any other, by whole milliseconds."""
        for offset in (10**12, 2**70, 10**400):
            self.heard(*[offset] * SAMPLES)
            assert (self.clocks.skew(VAN), self.clocks.offset(VAN)) == (offset, offset)

    def test_offset(self) -> None:
        """The offset that is reported is the median of the last reports, and none while there are less than three."""
        self.heard(-1_000, -2_000)
        assert self.clocks.offset(VAN) is None
        self.heard(-90_000)
        assert self.clocks.offset(VAN) == -2_000

    def test_own_clock_set_back(self) -> None:
        """When the server's own clock is set back devices are heard at once, not when it has caught up."""
        self.heard(*[0] * SAMPLES)
        self.now -= 3 * HOUR
        self.heard(*[0] * 3)
        assert self.clocks.offset(VAN) == 0
        assert self.heard(*[-3 * HOUR] * SAMPLES)[-1] == -3 * HOUR

    def test_each_its_own(self) -> None:
        """The wrong clock of one vehicle says nothing of another's, and of one never heard of nothing is known."""
        self.heard(*[-HOUR] * SAMPLES)
        assert self.hear(0, vehicle=BUS) == 0
        assert (self.clocks.skew(VAN), self.clocks.skew(9), self.clocks.offset(9)) == (-HOUR, 0, None)

    def test_bounded(self) -> None:
        """However long a device reports, ten of its offsets are kept."""
        self.heard(*[0] * 1000)
        assert len(self.clocks._clocks) == 1
        assert len(self.clocks._clocks[VAN].offsets) == SAMPLES

    @given(st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=30))
    def test_any_offsets(self, offsets: list[int]) -> None:
        """A skew is always one of the errors that the last ten reports showed, and at least a minute."""
        self.clocks = Clocks()
        for number, skew in enumerate(self.heard(*offsets)):
            assert skew == 0 or (abs(skew) >= OFF and skew in offsets[max(0, number + 1 - SAMPLES) : number + 1])
