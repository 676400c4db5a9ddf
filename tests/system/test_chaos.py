"""Three rounds of what ``make chaos`` plays twenty of."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from chaos.faults import SAID
from chaos.fleet import KINDS
from chaos.rounds import Chaos, Outcome
from chaos.stage import Stage

SEED = 1
SECONDS = 4.0
DEVICES = 18


class Rounds(SynchronousTestCase):
    """A fleet of every vendor, on TCP and UDP; the server, PostgreSQL and the wire between them fail, alone and together.

    One test, as the rounds are what takes the time, and tests that share them may run in several processes.
    """

    def setUp(self) -> None:
        self.stage = Stage(DEVICES)
        self.addCleanup(self.stage.close)
        self.outcomes: list[Outcome] = []

    def test_three_rounds(self) -> None:
        """Whatever fails, every fix that any device was told is stored is in the history exactly once, after every round."""
        chaos = Chaos(self.stage, SEED, SECONDS)
        try:
            for number in (1, 2, 3):
                self.outcomes.append(chaos.play(number))
            self.assert_nothing_lost_or_double()
            self.assert_load_was_real()
            self.assert_faults_were_real()
            self.assert_spool_was_real()
        except Exception:
            print(*self.outcomes, self.stage.server.log()[-20_000:], sep="\n")
            raise

    def assert_nothing_lost_or_double(self) -> None:
        for outcome in self.outcomes:
            assert outcome.verdict is not None
            assert outcome.verdict.lost == []
            assert outcome.verdict.double == []

    def assert_load_was_real(self) -> None:
        """In every round; a round ends only when every device was acknowledged after the last fault."""
        assert all(outcome.acknowledged > 100 for outcome in self.outcomes)
        assert {tracker.kind for tracker in self.stage.fleet.trackers if tracker.acknowledged} == set(KINDS)

    def assert_faults_were_real(self) -> None:
        """Everything that can fail failed, was mended, and the server was started again."""
        strikes = [strike for outcome in self.outcomes for strike in outcome.strikes]
        assert all(strike.began is not None and strike.ended is not None for strike in strikes)
        assert {strike.fault for strike in strikes} == set(SAID)
        assert self.stage.keeper.starts > 3

    def assert_spool_was_real(self) -> None:
        """It took fixes while PostgreSQL was away, and in the round that is about it was full."""
        assert max(outcome.spooled for outcome in self.outcomes) > 500
        assert [outcome.was_full for outcome in self.outcomes] == [False, False, True]
