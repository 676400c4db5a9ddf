"""One round: load and faults together, then everything healed and the fleet going on, then the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random

import psycopg2
from msgspec import Struct

from chaos.devices import Tracker
from chaos.faults import FULL, WAITING, Deck, Strike, plan
from chaos.stage import Stage
from chaos.verdict import Verdict, judge

RECOVERY = 60.0
"""Seconds within which all has to be well again once nothing is wrong any more."""
SMALL_SPOOL, LARGE_SPOOL = 2, 64
"""Megabytes: one that is full in seconds, and one that no round fills."""
PACE, FULL_PACE = 0.2, 0.05
"""Seconds between two reports of a device: ordinarily, and where the spool is to be filled."""
FULL_EVERY = 3
"""Every so many rounds the spool gets full."""


class Unwell(Exception):
    """The server did not come back to its work though nothing was wrong any more; the text says what was waited for."""


class Outcome(Struct):
    """What happened in one round."""

    number: int
    strikes: list[Strike]
    fills: bool
    """Whether the spool was to be filled."""
    acknowledged: int = 0
    """Fixes acknowledged in this round."""
    spooled: int = 0
    """The most fixes that were seen in the spool."""
    was_full: bool = False
    seconds: float = 0.0
    verdict: Verdict | None = None

    def __str__(self) -> str:
        assert self.verdict is not None
        spool = f"spool up to {self.spooled} fixes" + (" and full" if self.was_full else "")
        sums = f"{self.acknowledged} acknowledged, {spool}, {len(self.verdict.lost)} lost, {len(self.verdict.double)} double"
        return "\n".join([f"round {self.number}: {self.seconds:.0f} s, {sums}", *(f"  {strike}" for strike in self.strikes)])


class Chaos:
    """Rounds on one stage. ``seconds`` is about how long the load of a round lasts, ``seed`` gives what fails when."""

    def __init__(self, stage: Stage, seed: int, seconds: float) -> None:
        self._stage = stage
        self._seconds = seconds
        self._random = Random(seed)
        self._deck = Deck(self._random)

    def play(self, number: int) -> Outcome:
        """One round. Unwell where the server does not recover."""
        stage, begun = self._stage, time.monotonic()
        fills = number % FULL_EVERY == 0
        outcome = Outcome(number, plan(self._random, self._deck, fills, self._seconds), fills)
        before = stage.fleet.acknowledged
        stage.limit_spool(SMALL_SPOOL if fills else LARGE_SPOOL)
        ready = time.monotonic()
        self._wait(lambda: stage.keeper.is_calm(ready), "the server to be well before the round")
        stage.keeper.most_spooled = 0
        with self._load(FULL_PACE if fills else PACE):
            self._strike(outcome)
            self._see_everyone_go_on()
        silent = time.monotonic()
        self._wait(lambda: stage.keeper.is_calm(silent), "the spool to drain")
        outcome.acknowledged = stage.fleet.acknowledged - before
        outcome.spooled = stage.keeper.most_spooled
        outcome.verdict = judge(stage.url, stage.fleet.trackers)
        outcome.seconds = time.monotonic() - begun
        return outcome

    @contextmanager
    def _load(self, pace: float) -> Iterator[None]:
        self._stage.fleet.start(pace)
        try:
            yield
        finally:
            self._stage.fleet.stop()

    def _strike(self, outcome: Outcome) -> None:
        """Everything at its moment, or as soon after it as what came before allows.

        What has to wait moves all that follows, so that it stays as far apart as planned.
        """
        begun = origin = time.monotonic()
        for moment, strike, act in _timeline(outcome.strikes):
            time.sleep(max(0.0, origin + moment - time.monotonic()))
            if act == "begin":
                strike.began = self._begin(strike, begun)
                origin = time.monotonic() - moment if strike.fault in WAITING else origin
            elif act == "full":
                outcome.was_full = self._stage.wait_until_full(RECOVERY)
                origin = time.monotonic() - moment
            else:
                self._stage.heal(strike.fault)
                strike.ended = time.monotonic() - begun

    def _begin(self, strike: Strike, begun: float) -> float | None:
        try:
            self._stage.strike(strike.fault)
        except psycopg2.Error:
            return None
        return time.monotonic() - begun

    def _see_everyone_go_on(self) -> None:
        """Wait until every device has been acknowledged once more."""
        waiting = {tracker: len(tracker.acknowledged) for tracker in self._stage.fleet.trackers}
        for tracker, known in waiting.items():
            self._wait(partial(_has_more, tracker, known), f"{tracker.name} to be acknowledged again")

    def _wait(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + RECOVERY
        while not is_so():
            if time.monotonic() > deadline:
                raise Unwell(f"waited {RECOVERY:.0f} s in vain for {what}; health: {self._stage.keeper.health}")
            time.sleep(0.05)


def _has_more(tracker: Tracker, known: int) -> bool:
    return len(tracker.acknowledged) > known


def _timeline(strikes: list[Strike]) -> list[tuple[float, Strike, str]]:
    """All beginnings and ends, and the wait for a full spool, by their moments."""
    moments = [(strike.at, strike, "begin") for strike in strikes]
    moments += [(strike.until, strike, "end") for strike in strikes]
    moments += [(FULL, strike, "full") for strike in strikes if strike.fault == "fill"]
    return sorted(moments, key=lambda moment: moment[0])
