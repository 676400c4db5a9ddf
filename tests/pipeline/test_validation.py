"""What is believed of what devices report."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, a_fix
from waygps.bits import utc_ms
from waygps.pipeline.validation import DEVICE, RANGES, ROUNDS_TO_360, Limits, device_fault, fault, mended

LIMITS = Limits()
Y2000 = utc_ms(2000, 1, 1)


class PlaceTests(SynchronousTestCase):
    @given(st.floats(-90, 90), st.floats(-180, 180))
    def test_on_earth(self, lat: float, lon: float) -> None:
        """Every place on earth is accepted, poles and date line included."""
        assert fault(a_fix(lat=lat, lon=lon), NOON, LIMITS) == ""

    @given(st.floats().filter(lambda value: not -90 <= value <= 90))
    def test_latitude(self, lat: float) -> None:
        """A latitude that no place has, infinite or not a number, is refused by name."""
        assert fault(a_fix(lat=lat), NOON, LIMITS) == f"latitude {lat} is outside -90..90"

    @given(st.floats().filter(lambda value: not -180 <= value <= 180))
    def test_longitude(self, lon: float) -> None:
        """A longitude that no place has is refused by name."""
        assert fault(a_fix(lon=lon), NOON, LIMITS) == f"longitude {lon} is outside -180..180"


class TimeTests(SynchronousTestCase):
    @given(st.integers(Y2000, NOON + LIMITS.future))
    def test_believed(self, time: int) -> None:
        """A fix may be as old as a tracker's memory, and a little ahead of the server's clock."""
        assert fault(a_fix(time), NOON, LIMITS) == ""

    @given(st.integers(max_value=Y2000 - 1))
    def test_clock_not_set(self, time: int) -> None:
        """A time before 2000, negative ones included, is a clock that was never set."""
        assert fault(a_fix(time), NOON, LIMITS) == f"time {time} ms is before 2000: the device's clock is not set"

    @given(st.integers(NOON + LIMITS.future + 1))
    def test_future(self, time: int) -> None:
        """A time in the future, however far, is refused with the seconds that it is ahead."""
        assert fault(a_fix(time), NOON, LIMITS) == (
            f"time is {(time - NOON) // 1000} s ahead of the reception: the device's clock is wrong"
        )

    def test_none(self) -> None:
        """A message without a time is accepted; it gets the reception's."""
        assert fault(a_fix(None), NOON, LIMITS) == ""

    def test_tolerance(self) -> None:
        """The operator decides how far ahead a clock may be."""
        assert fault(a_fix(NOON + 5_000), NOON, Limits(future=5_000)) == ""
        assert fault(a_fix(NOON + 5_001), NOON, Limits(future=5_000)) != ""


class DeviceTests(SynchronousTestCase):
    @given(st.from_regex(DEVICE, fullmatch=True))
    def test_accepted(self, device: str) -> None:
        """Identifications of letters, digits and a few signs are accepted."""
        assert device_fault(device) == ""

    def test_examples(self) -> None:
        """What real devices are called is accepted: an IMEI, a number, a MAC address, a name."""
        for device in ("356307042441013", "1", "A0:B1:C2:D3:E4:F5", "van-7_b.2", "x" * 32):
            assert device_fault(device) == "", device

    @given(st.text())
    def test_any_text(self, device: str) -> None:
        """Whatever a device calls itself, it is accepted or refused with a reason that is safe to log on one line."""
        reason = device_fault(device)
        assert (reason == "") is bool(DEVICE.fullmatch(device))
        assert reason.isprintable()
        assert len(reason) < 300

    def test_refused(self) -> None:
        """Nobody, blanks, line ends, other alphabets' digits and SQL are no identifications."""
        for device in ("", " ", "1 2", "1\n", "٣٤٥", "';DROP", "x" * 33, ".1", "1\0"):
            assert device_fault(device).endswith("the first a letter or digit"), device


class MendedTests(SynchronousTestCase):
    @given(st.data())
    def test_inside(self, data: st.DataObject) -> None:
        """Values within their ranges are kept as they are."""
        values = {name: data.draw(st.none() | st.floats(*bounds)) for name, bounds in RANGES.items()}
        fix = replace(
            a_fix(),
            **{
                name: None if name == "course_deg" and value and value >= ROUNDS_TO_360 else value
                for name, value in values.items()
            },
        )
        assert mended(fix) == (fix, [])

    @given(st.sampled_from(sorted(RANGES)), st.floats() | st.integers(min_value=10**9))
    def test_outside(self, name: str, value: float) -> None:
        """A value that cannot be costs itself and a warning, never the fix."""
        low, high = RANGES[name]
        fix, warnings = mended(replace(a_fix(gsm=3), **{name: value}))
        if low <= value <= high:
            assert warnings == []
        else:
            assert getattr(fix, name) is None
            assert warnings == [f"{name} {value} is outside {low}..{high} and was dropped"]
        assert (fix.lat, fix.gsm) == (-34.6, 3)

    def test_full_circle(self) -> None:
        """A course of 360 degrees is north, without a complaint."""
        fix, warnings = mended(a_fix(course_deg=359.997, speed_kmh=50.0))
        assert (fix.course_deg, warnings) == (0.0, [])
        fix, warnings = mended(a_fix(course_deg=360.0, speed_kmh=50.0))
        assert (fix.course_deg, fix.speed_kmh, warnings) == (0.0, 50.0, [])

    def test_several(self) -> None:
        """Each bad value is named; the good ones beside it stay."""
        fix, warnings = mended(a_fix(speed_kmh=-1.0, battery_pct=101, satellites=7))
        assert (fix.speed_kmh, fix.battery_pct, fix.satellites) == (None, None, 7)
        assert warnings == [
            "speed_kmh -1.0 is outside 0..2000 and was dropped",
            "battery_pct 101 is outside 0..100 and was dropped",
        ]
