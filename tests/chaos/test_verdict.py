"""What was acknowledged beside what the history has: a fault is found, and named."""

from __future__ import annotations

from random import Random

from click.testing import CliRunner
from msgspec import Struct

from chaos import __main__ as command
from chaos.devices import Kind, Tracker
from chaos.faults import Deck, plan
from chaos.rounds import Outcome, Unwell
from chaos.verdict import Verdict, judge, set_apart
from protocols.generic import generic
from tests.postgres import DatabaseTest

START = 1_795_521_600_000
STORE = """INSERT INTO posiciones_recientes (movil_id, latitud, longitud, fecha_gps, huella)
           SELECT id, %s, %s, to_timestamp(%s), %s FROM moviles WHERE imei = %s RETURNING 1"""
APART = "INSERT INTO posiciones_rechazadas (imei, motivo, fix, huella) VALUES (%s, 'por algo', '{}', 1) RETURNING 1"


class Verdicts(DatabaseTest):
    """A device to which ten fixes were acknowledged, and a history."""

    def setUp(self) -> None:
        super().setUp()
        self.tracker = Tracker(1, Kind(generic, "tcp", 1), START)
        for _ in range(10):
            self.tracker.report()
            self.tracker.forget(1)
        self.times = sorted(self.tracker.acknowledged)
        self.rows("INSERT INTO moviles (imei) VALUES (%s) RETURNING 1", self.tracker.imei)

    def store(self, *numbers: int, mark: int = 0, north: float = 0.0) -> None:
        """Put these of the ten into the history, so many degrees off."""
        for number in numbers:
            lat, lon = self.tracker.acknowledged[self.times[number]]
            self.rows(STORE, lat + north, lon, self.times[number] / 1000, mark, self.tracker.imei)

    def verdict(self) -> Verdict:
        return judge(self.url, [self.tracker])

    def test_good(self) -> None:
        """Where every acknowledged fix is in the history once, none is lost and none double."""
        self.store(*range(10))
        assert self.verdict() == Verdict(10, 10, [], [])
        assert self.verdict().is_good

    def test_lost(self) -> None:
        """A fix that is not in the history is lost, and named with its device and time."""
        self.store(*range(9))
        verdict = self.verdict()
        assert not verdict.is_good
        assert verdict.lost == [f"generic tcp {self.tracker.imei} 2026-11-24T12:00:10+00:00"]
        assert (verdict.acknowledged, verdict.stored, verdict.double) == (10, 9, [])

    def test_double(self) -> None:
        """A fix that is in the history under two fingerprints is double, and named."""
        self.store(*range(10))
        self.store(4, mark=1)
        verdict = self.verdict()
        assert not verdict.is_good
        assert verdict.double == [f"generic tcp {self.tracker.imei} 2026-11-24T12:00:05+00:00 x 2"]
        assert (verdict.stored, verdict.lost) == (11, [])

    def test_elsewhere(self) -> None:
        """A fix that is in the history at another place is lost."""
        self.store(*range(1, 10))
        self.store(0, north=0.001)
        assert len(self.verdict().lost) == 1

    def test_more_than_acknowledged(self) -> None:
        """A fix that is stored though its answer was lost is no fault."""
        self.store(*range(10))
        self.tracker.acknowledged.popitem()
        assert self.verdict() == Verdict(9, 10, [], [])

    def test_set_apart(self) -> None:
        """Where a lost fix was set apart, the reason is told."""
        self.rows(APART, self.tracker.imei)
        (told,) = set_apart(self.url)
        assert "1 set apart" in told
        assert "por algo" in told


class Stage(Struct):
    """Only as much of a stage as printing takes."""

    url: str


class Scripted:
    """Rounds that end as they are told to."""

    def __init__(self, *verdicts: Verdict | None) -> None:
        self._verdicts = verdicts
        self.played = 0

    def play(self, number: int) -> Outcome:
        self.played = number
        verdict = self._verdicts[number - 1]
        if verdict is None:
            raise Unwell("waited in vain")
        random = Random(number)
        return Outcome(number, plan(random, Deck(random), False, 8.0), False, verdict=verdict)


class Printing(DatabaseTest):
    """What the command says and gives."""

    def played(self, *verdicts: Verdict | None) -> tuple[bool, str, int]:
        """Whether all was well, what was printed, and how many rounds were played of three."""
        chaos = Scripted(*verdicts)
        with CliRunner().isolation() as (out, *_):
            good = command._play(chaos, 3, Stage(self.url))  # type: ignore[arg-type]  # as much of them as it takes
            return good, out.getvalue().decode(), chaos.played

    def test_good(self) -> None:
        """All rounds are played, and the last line is their sum."""
        good, text, played = self.played(*[Verdict(number, number + 1, [], []) for number in (10, 20, 30)])
        assert good
        assert played == 3
        assert text.endswith("rounds 3, acknowledged 30, stored 31, lost 0, double 0\n")

    def test_lost(self) -> None:
        """The first lost or double fix ends it, is named, and makes the command fail."""
        good, text, played = self.played(Verdict(10, 10, [], []), Verdict(20, 20, ["a device's fix"], ["another x 2"]))
        assert not good
        assert played == 2
        assert "lost: a device's fix\ndouble: another x 2\n" in text
        assert text.endswith("rounds 2, acknowledged 20, stored 20, lost 1, double 1\n")

    def test_unwell(self) -> None:
        """A server that does not come back to its work makes the command fail too."""
        good, text, _ = self.played(None)
        assert not good
        assert text == "round 1: waited in vain\n"
