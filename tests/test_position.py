"""What becomes of a fix on its way to the database."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, a_fix
from waygps.fix import Fix, Message
from waygps.position import Vehicle, fingerprint, position, refused, set_apart, storable

VAN = Vehicle(7, "A1", None)


def raw(fix: Fix) -> dict[str, object]:
    """The keys of raw_data for this fix."""
    return json.decode(position(VAN, fix, "buena", "lines", NOON, 1).raw, type=dict[str, object])


class FingerprintTests(SynchronousTestCase):
    def test_retransmission(self) -> None:
        """The same report sent again is known as the same, whatever was made of it before."""
        assert fingerprint(a_fix(attributes={"io1": 5})) == fingerprint(a_fix(attributes={"io1": 5}))

    def test_another_fix(self) -> None:
        """Two reports of one second that differ in anything are two rows."""
        others = [
            a_fix(lat=-34.7),
            a_fix(NOON + 1),
            a_fix(ignition=True),
            a_fix(ignition=False),
            a_fix(valid=False),
            a_fix(alarm="sos"),
            a_fix(attributes={"io1": 5}),
            a_fix(attributes={"io1": 6}),
        ]
        assert len({fingerprint(fix) for fix in [a_fix(), *others]}) == 9

    @given(st.floats(-90, 90), st.integers(0, 2**41))
    def test_fits_the_column(self, lat: float, time: int) -> None:
        """Every fingerprint fits PostgreSQL's integer."""
        assert -(2**31) <= fingerprint(a_fix(time, lat)) < 2**31

    def test_both_signs(self) -> None:
        """Fingerprints use the whole range of the column, not half of it."""
        marks = [fingerprint(a_fix(NOON + second)) for second in range(50)]
        assert min(marks) < 0 < max(marks)


class RawDataTests(SynchronousTestCase):
    def test_keys(self) -> None:
        """What has no column of its own is found in raw_data, by Spanish keys."""
        fix = a_fix(
            None, valid=False, alarm="sos", driver="77", battery_v=4.1, power_v=12.5, gsm=4, attributes={"io1": 5, "note": "ñ"}
        )
        assert raw(fix) == {
            "protocolo": "lines",
            "valido": False,
            "hora": "recepcion",
            "alarma": "sos",
            "conductor": "77",
            "bateria_v": 4.1,
            "alimentacion_v": 12.5,
            "gsm": 4,
            "atributos": {"io1": 5, "note": "ñ"},
        }

    def test_says_nothing_more(self) -> None:
        """A plain fix costs one key of raw_data."""
        assert raw(a_fix()) == {"protocolo": "lines"}

    def test_zero_is_said(self) -> None:
        """A supply of zero volts, or no signal, is something that the device said."""
        assert raw(a_fix(power_v=0.0, gsm=0)) == {"protocolo": "lines", "alimentacion_v": 0.0, "gsm": 0}


class MomentTests(SynchronousTestCase):
    def moment(self, time: int | None, skew: int = 0) -> tuple[int, int]:
        """The time and the moment of a fix received at noon."""
        made = position(VAN, a_fix(time), "buena", "lines", NOON, 1, skew)
        return made.time - NOON, made.moment - NOON

    def test_its_own_time(self) -> None:
        """A fix counts by its own time, and by its reception where it has none."""
        assert self.moment(NOON - 5_000) == (-5_000, -5_000)
        assert self.moment(None) == (0, 0)

    def test_ahead(self) -> None:
        """A fix that is ahead of its reception keeps its time in the history, and counts from the reception."""
        assert self.moment(NOON + 540_000) == (540_000, 0)

    def test_skew(self) -> None:
        """The error of a clock that is known to be wrong is taken out of what counts, and not of the history."""
        assert self.moment(NOON - 3_600_000, skew=-3_598_000) == (-3_600_000, -2_000)
        assert self.moment(NOON + 300_000, skew=302_000) == (300_000, -2_000)

    @given(st.integers(-(2**45), 2**45), st.integers(-(2**45), 2**45))
    def test_never_ahead(self, ahead: int, skew: int) -> None:
        """No clock, right or wrong, lets a fix count as later than it came."""
        assert self.moment(NOON + ahead, skew)[1] <= 0


class StorableTests(SynchronousTestCase):
    def test_nul(self) -> None:
        """A NUL that a device sends in a text does not keep its fix out of PostgreSQL."""
        text = position(VAN, a_fix(driver="a\0b", attributes={"x\0": "\0"}), "buena", "lines", NOON, 1).raw
        assert "\\u0000" not in text
        assert json.decode(text)["conductor"] == "a\ufffdb"

    @given(st.text())
    def test_stays_json(self, text: str) -> None:
        """Whatever the text, it is JSON afterwards and says the same apart from NUL."""
        written = storable(json.encode(text).decode())
        assert json.decode(written) == text.replace("\0", "\ufffd")

    def test_backslash(self) -> None:
        """A device that sends a backslash followed by u0000 has sent no NUL, and its text is kept."""
        text = "\\u0000"
        assert json.decode(storable(json.encode(text).decode())) == text


class RefusedTests(SynchronousTestCase):
    def test_row(self) -> None:
        """A refused fix is kept with its reason, the message's bytes and what was decoded."""
        row = refused(Message(device="A1", raw=b"\0\1"), a_fix(lat=91.0), "latitude", NOON)
        assert (row.device, row.reason, row.message, row.time, row.received) == ("A1", "latitude", b"\0\1", NOON, NOON)
        assert json.decode(row.fix)["lat"] == 91.0

    def test_impossible_time(self) -> None:
        """A time that PostgreSQL cannot hold is left out of the column; the fix as JSON still has it."""
        for time in (-1, 2**62, None):
            row = refused(Message(device="A1"), a_fix(time), "time", NOON)
            assert row.time is None
            assert json.decode(row.fix)["time"] == time

    def test_not_a_number(self) -> None:
        """A latitude that is no number leaves JSON that PostgreSQL takes."""
        row = refused(Message(device="A1"), a_fix(lat=float("nan"), lon=float("inf")), "latitude", NOON)
        assert json.decode(row.fix)["lat"] is None

    def test_set_apart(self) -> None:
        """A position that PostgreSQL refuses is kept as what it was, with the bytes that it came in."""
        stored = position(VAN, a_fix(), "buena", "lines", NOON, 99)
        row = set_apart(stored, "PostgreSQL: no", b"\0\1")
        assert (row.device, row.reason, row.time, row.fingerprint, row.message) == ("A1", "PostgreSQL: no", NOON, 99, b"\0\1")
        assert json.decode(row.fix)["lat"] == -34.6
