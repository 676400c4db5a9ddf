"""What the log has about limits: enough to act upon, however many connections run into them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Literal

from twisted.logger import Logger

from waygps.ingest.buckets import Buckets

Kind = Literal[
    "receiver",
    "address",
    "rate",
    "files",
    "first_message",
    "idle",
    "bytes",
    "datagrams",
    "datagram_bytes",
    "devices",
    "undecodable",
]

MEANINGS: dict[Kind, str] = {
    "receiver": "connection(s) refused: {limit} are open",
    "address": "connection(s) refused: {limit} are open from its address",
    "rate": "connection(s) refused: its address opens more than {limit} after a burst",
    "files": "connection(s) refused: too many files are open, the rest is kept: {limit}. "
    "Raise the limit: ulimit -n, or LimitNOFILE= of the systemd unit",
    "first_message": "connection(s) closed: no device was identified within {limit}",
    "idle": "connection(s) closed: no message within {limit}",
    "bytes": "connection(s) slowed: more than {limit} after a burst",
    "datagrams": "datagram(s) dropped: its address sends more than {limit} after a burst",
    "datagram_bytes": "datagram(s) dropped: its sender exceeds {limit} after a burst",
    "devices": "message(s) refused: {limit} are there",
    "undecodable": "connection(s) closed, or datagrams dropped, that cannot be decoded",
}
"""What a limit does, in the words of the log."""

SAY_EVERY = 60.0
"""Seconds between two lines about one limit of one receiver."""


class Lines:
    """Lines about single peers: ten at once, then one in six seconds. How many are left out is what the counters are for."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._bucket = Buckets(1 / 6, 10, now, 1)

    def may_be_said(self) -> bool:
        """Whether there may be one more now."""
        return self._bucket.take("")


class Complaints:
    """The lines about one receiver: the first case of a kind at once, then one a minute at most, with the number of cases."""

    _log = Logger()

    def __init__(self, name: str, limits: Mapping[Kind, str], now: Callable[[], float]) -> None:
        self.limits = limits
        """Each limit by name and value."""
        self.receiver = name
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
            "receiver {receiver}: {count} {meaning}; the latest is of {peer}",
            receiver=self.receiver,
            count=count,
            meaning=MEANINGS[kind].format(limit=self.limits.get(kind, "")),
            peer=peer,
            kind=kind,
        )
