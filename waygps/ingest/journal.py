"""``gps_receivers.log``: one line a connection, written when it ends. Refused connections have none: they are counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, json
from twisted.logger import Logger
from twisted.python.logfile import LogFile

NAME = "gps_receivers.log"
LARGEST = 10_000_000
"""Bytes at which the file is put aside under the name with .1, the one before with .2 and so on."""
KEPT = 5


class Ended(Struct, frozen=True):
    """A connection that is over."""

    receiver: str
    peer: str
    device: str
    """As it called itself last; "" when it never did."""
    messages: int
    received: int
    """Bytes."""
    seconds: float
    end: str
    """The limit that closed it, who closed it, or how it broke."""


class Journal:
    """Writes the lines; while they cannot be written (a full disk) they are dropped and counted, which is said once."""

    _log = Logger()

    def __init__(self, directory: Path, now: Callable[[], float]) -> None:
        self._directory = directory
        self._now = now
        self._file: LogFile | None = None
        self.dropped = 0
        """Lines that could not be written."""

    def write(self, ended: Ended) -> None:
        """Add the line of one connection."""
        try:
            self._open().write(self._line(ended))
        except OSError as error:
            self._file = None
            self.dropped += 1
            if self.dropped == 1:
                self._log.error("{name} cannot be written: {error}", name=NAME, error=str(error))

    def _open(self) -> LogFile:
        if self._file is None:
            place = os.fspath(self._directory)
            self._file = LogFile(NAME, place, rotateLength=LARGEST, defaultMode=0o640, maxRotatedFiles=KEPT)
        return self._file

    def _line(self, ended: Ended) -> str:
        """Texts in JSON's quotes: what a device calls itself cannot forge a line."""
        moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        return (
            f"{moment} receiver={_quoted(ended.receiver)} peer={ended.peer} device={_quoted(ended.device)} "
            f"messages={ended.messages} bytes={ended.received} seconds={ended.seconds:.1f} end={_quoted(ended.end)}\n"
        )


def _quoted(text: str) -> str:
    return json.encode(text).decode()
