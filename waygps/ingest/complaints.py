"""What the log has about limits: enough to act upon, however many connections run into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from twisted.logger import Logger

Kind = Literal["receiver", "address", "rate", "first_message", "idle"]

MEANINGS: dict[Kind, str] = {
    "receiver": "refused: limits.connections_receiver ({bound}) are open",
    "address": "refused: limits.connections_address ({bound}) are open from its address",
    "rate": "refused: its address opens more than limits.new_per_second ({bound}) after a burst",
    "first_message": "closed: no device was identified within limits.first_message ({bound} s)",
    "idle": "closed: no message within limits.idle ({bound} s)",
}
"""What a limit does to a connection, in the words of the log."""

SAY_EVERY = 60.0
"""Seconds between two lines about one limit of one receiver."""


class Complaints:
    """The lines about one receiver: the first case of a kind at once, then one a minute at most, with the number of cases."""

    _log = Logger()

    def __init__(self, receiver: str, bounds: dict[Kind, float], now: Callable[[], float]) -> None:
        self._receiver = receiver
        self._bounds = bounds
        self._now = now
        self._said: dict[Kind, float] = {}
        self._unsaid: dict[Kind, tuple[int, str]] = {}

    def hear(self, kind: Kind, peer: str) -> None:
        """One case more."""
        count, _ = self._unsaid.get(kind, (0, ""))
        self._unsaid[kind] = (count + 1, peer)
        self._say(kind)

    def flush(self) -> None:
        """Say what waited for its minute to pass."""
        for kind in list(self._unsaid):
            self._say(kind)

    def _say(self, kind: Kind) -> None:
        now = self._now()
        if kind in self._said and now - self._said[kind] < SAY_EVERY:
            return
        self._said[kind] = now
        count, peer = self._unsaid.pop(kind)
        self._log.warn(
            "receiver {receiver}: {count} connection(s) {meaning}; the latest is of {peer}",
            receiver=self._receiver,
            count=count,
            meaning=MEANINGS[kind].format(bound=f"{self._bounds[kind]:g}"),
            peer=peer,
            kind=kind,
        )
