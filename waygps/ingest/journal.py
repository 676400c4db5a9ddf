"""``gps_receivers.log``: one line a connection, written when it ends. Refused connections have none: they are counted.

As text, or each line a JSON object with the keys of Line.
"""

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


class Line(Struct, frozen=True):
    """A line in JSON; times are ISO 8601 in UTC."""

    time: str
    receiver: str
    peer: str
    device: str
    messages: int
    bytes: int
    seconds: float
    end: str


def _at_once(write: Callable[[], None]) -> bool:
    write()
    return True


class Journal:
    """Writes the lines; those that cannot be written (a full disk, one that hangs) are dropped and counted, which is said once.

    ``call`` makes the call that writes a line, or gives False.
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        now: Callable[[], float],
        is_json: bool = False,
        call: Callable[[Callable[[], None]], bool] = _at_once,
    ) -> None:
        self._directory = directory
        self._now = now
        self._line = _json if is_json else _text
        self._call = call
        self._file: LogFile | None = None
        self.dropped = 0
        """Lines that could not be written."""

    def write(self, ended: Ended) -> None:
        """Add the line of one connection."""
        moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        line = self._line(moment, ended)
        if not self._call(lambda: self._write(line)):
            self._drop("its disk does not keep up")

    def _write(self, line: str) -> None:
        try:
            self._open().write(line)
        except OSError as error:
            self._file = None
            self._drop(str(error))

    def _drop(self, reason: str) -> None:
        self.dropped += 1
        if self.dropped == 1:
            self._log.error("{name} cannot be written: {error}", name=NAME, error=reason)

    def _open(self) -> LogFile:
        if self._file is None:
            place = os.fspath(self._directory)
            self._file = LogFile(NAME, place, rotateLength=LARGEST, defaultMode=0o640, maxRotatedFiles=KEPT)
        return self._file


def _text(moment: str, ended: Ended) -> str:
    """Texts in JSON's quotes: what a device calls itself cannot forge a line."""
    return (
        f"{moment} receiver={_quoted(ended.receiver)} peer={ended.peer} device={_quoted(ended.device)} "
        f"messages={ended.messages} bytes={ended.received} seconds={ended.seconds:.1f} end={_quoted(ended.end)}\n"
    )


def _json(moment: str, ended: Ended) -> str:
    seconds = round(ended.seconds, 3)
    line = Line(moment, ended.receiver, ended.peer, ended.device, ended.messages, ended.received, seconds, ended.end)
    return json.encode(line).decode() + "\n"


def _quoted(text: str) -> str:
    return json.encode(text).decode()
