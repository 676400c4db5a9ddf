"""The plan of a round: what fails when."""

from __future__ import annotations

from itertools import combinations
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from chaos.faults import DRAWN, DRAWN_A_ROUND, FULL, PART, SAID, Deck, Strike, plan

SECONDS = 8.0


def plans(seed: int, rounds: int = 30) -> list[list[Strike]]:
    """The plans of so many rounds; every third one fills the spool."""
    random = Random(seed)
    deck = Deck(random)
    return [plan(random, deck, number % 3 == 0, SECONDS) for number in range(1, rounds + 1)]


def overlap(one: Strike, other: Strike) -> bool:
    return one.at < other.until and other.at < one.until


class Plans(SynchronousTestCase):
    """Thirty rounds."""

    def test_seed(self) -> None:
        """A seed that is given again repeats every fault at its moment; another seed gives other rounds."""
        assert plans(7) == plans(7)
        assert plans(7) != plans(8)

    def test_everything_fails(self) -> None:
        """Three rounds, which is what the tests play, have every fault that there is."""
        for seed in range(20):
            happened = {strike.fault for round_ in plans(seed, 3) for strike in round_}
            assert happened == set(SAID)

    def test_several_a_round(self) -> None:
        """Every round has several faults, in the order of their moments, each with an end."""
        for round_ in plans(1):
            assert len(round_) >= DRAWN_A_ROUND
            assert round_ == sorted(round_, key=lambda strike: strike.at)
            assert all(strike.at < strike.until for strike in round_)

    def test_one_way_at_a_time(self) -> None:
        """What is struck already is not struck again before it is well: a dead server cannot be stopped."""
        for seed in range(20):
            for round_ in plans(seed):
                for one, other in combinations(round_, 2):
                    assert PART[one.fault] != PART[other.fault] or not overlap(one, other), round_

    def test_together(self) -> None:
        """Different parts do fail together: the server is killed while PostgreSQL is away, among others."""
        met = {
            frozenset((PART[one.fault], PART[other.fault]))
            for round_ in plans(3)
            for one, other in combinations(round_, 2)
            if overlap(one, other)
        }
        assert frozenset(("server", "database")) in met
        assert frozenset(("server", "wire")) in met
        assert frozenset(("database", "wire")) in met

    def test_lock_needs_a_database(self) -> None:
        """The table is locked only while PostgreSQL runs."""
        for seed in range(20):
            for round_ in plans(seed):
                away = [strike for strike in round_ if PART[strike.fault] == "database"]
                locks = [strike for strike in round_ if strike.fault == "lock"]
                assert not [lock for lock in locks for each in away if overlap(lock, each)]

    def test_full_spool(self) -> None:
        """In the rounds that fill the spool PostgreSQL goes first, and nothing else happens before the spool is full."""
        for round_ in plans(2)[2::3]:
            assert round_[0].fault == "fill"
            assert all(strike.at > FULL for strike in round_[1:])

    def test_draining_spool(self) -> None:
        """In those rounds PostgreSQL is stopped again while the spool drains; and the next time it does, the server is killed."""
        for round_ in plans(2)[2::3]:
            moments = {strike.fault: strike for strike in round_}
            assert 0 < moments["relapse"].at - moments["fill"].until < 0.1
            assert 0 < moments["drain"].at - moments["relapse"].until < 0.1
            others = [strike for strike in round_ if strike.fault not in ("fill", "relapse", "drain")]
            assert not [strike for strike in others if overlap(strike, moments["relapse"]) or overlap(strike, moments["drain"])]


class Telling(SynchronousTestCase):
    """What is printed."""

    def test_deck(self) -> None:
        """Every fault is drawn once before any is drawn again."""
        deck = Deck(Random(1))
        for _ in range(3):
            assert sorted(deck.draw() for _ in DRAWN) == sorted(DRAWN)

    def test_strike(self) -> None:
        """A fault is told with the moments at which it really began and ended, or that it did not happen."""
        assert str(Strike("kill", 1.0, 2.0, 1.25, 3.5)) == "   1.2 s to   3.5 s  server killed with -9"
        assert str(Strike("lock", 1.0, 2.0)).endswith("the table of the history locked - did not happen")
