"""What can fail, and when it does in a round. Pure; the random numbers are given, and so a seed repeats a round's plan."""

from __future__ import annotations

from random import Random
from typing import Literal

from msgspec import Struct

Fault = Literal["kill", "stop", "drain", "crash", "fill", "relapse", "cut", "silent", "deaf", "lock"]

SAID: dict[Fault, str] = {
    "kill": "server killed with -9",
    "stop": "server stopped with SIGTERM",
    "drain": "server killed with -9 while the spool drains",
    "crash": "PostgreSQL stopped with -m immediate",
    "fill": "PostgreSQL stopped with -m immediate until the spool is full",
    "relapse": "PostgreSQL stopped with -m immediate while the spool drains",
    "cut": "connections to PostgreSQL reset and refused",
    "silent": "connections to PostgreSQL swallow everything",
    "deaf": "connections to PostgreSQL swallow the answers",
    "lock": "the table of the history locked",
}
PART: dict[Fault, str] = {
    "kill": "server",
    "stop": "server",
    "drain": "server",
    "crash": "database",
    "fill": "database",
    "relapse": "database",
    "cut": "wire",
    "silent": "wire",
    "deaf": "wire",
    "lock": "table",
}
"""What is struck: one thing at a time fails in one way only, different things fail together."""
WAITING: tuple[Fault, ...] = ("relapse", "drain")
"""What waits until the spool drains."""
DRAWN: tuple[Fault, ...] = ("kill", "stop", "crash", "cut", "silent", "deaf", "lock")
DRAWN_A_ROUND, DRAWN_BESIDE_FULL = 4, 2
"""Faults that a round draws from the deck: an ordinary one, and one that fills the spool."""
FILL, FULL = 0.5, 1.0
"""When PostgreSQL goes away in a round that fills the spool, and from when on nothing else happens before it is full."""
DRAINS = 0.05
"""How soon after PostgreSQL's start one begins to wait for the spool to drain."""


class Strike(Struct):
    """One fault of a round, in seconds since its load began: planned, and when it really began and ended."""

    fault: Fault
    at: float
    until: float
    began: float | None = None
    """None: it could not be brought about."""
    ended: float | None = None

    def __str__(self) -> str:
        if self.began is None or self.ended is None:
            return f"{self.at:6.1f} s          {SAID[self.fault]} - did not happen"
        return f"{self.began:6.1f} s to {self.ended:5.1f} s  {SAID[self.fault]}"


class Deck:
    """All faults in a random order, again and again: every one is drawn as often as every other."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._left: list[Fault] = []

    def draw(self) -> Fault:
        """The next one."""
        if not self._left:
            self._left = self._random.sample(DRAWN, len(DRAWN))
        return self._left.pop()


def plan(random: Random, deck: Deck, fills: bool, seconds: float) -> list[Strike]:
    """The faults of one round within about ``seconds`` of load; ``fills``: the one that fills the spool is among them.

    That one comes first, as it takes a server that runs until the spool is full, which is waited for at FULL; the others strike
    while it is full, and after. When PostgreSQL is back and the spool drains it is stopped again, and the next time the server is
    killed.
    """
    strikes = _full(FULL + seconds * random.uniform(0.3, 0.6)) if fills else []
    first = FULL + 0.1 if fills else 0.3
    for fault in (deck.draw() for _ in range(DRAWN_BESIDE_FULL if fills else DRAWN_A_ROUND)):
        at = first + random.uniform(0, seconds * 0.7)
        strikes.append(_apart(Strike(fault, at, at + random.uniform(0.2, 0.45) * seconds), strikes))
    return sorted(strikes, key=lambda strike: strike.at)


def _full(back: float) -> list[Strike]:
    """Filling the spool until this moment, and what happens while it drains."""
    return [
        Strike("fill", FILL, back),
        Strike("relapse", back + DRAINS, back + 1.0),
        Strike("drain", back + 1.0 + DRAINS, back + 1.5),
    ]


def _apart(strike: Strike, others: list[Strike]) -> Strike:
    """The strike, moved behind those of the same part; a lock takes a PostgreSQL that runs, a spool that drains takes all."""
    part = PART[strike.fault]
    parts = {"database": {part, "table"}, "table": {part, "database"}}.get(part, {part})
    for other in sorted(others, key=lambda other: other.at):
        meets = strike.at < other.until + 0.3 and other.at < strike.until + 0.3
        if meets and (PART[other.fault] in parts or other.fault in WAITING):
            late = other.until + 0.3 - strike.at
            strike = Strike(strike.fault, strike.at + late, strike.until + late)
    return strike
