"""gps_receivers.log: one line a connection."""

from __future__ import annotations

import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, logged
from waygps.ingest import journal
from waygps.ingest.journal import NAME, Ended, Journal

ENDED = Ended("Teltonika TCP", "10.0.0.1:4711", "356307042441013", 12, 1024, 33.25, "closed by the device")
LINE = (
    '2026-11-24T12:00:00.000+00:00 receiver="Teltonika TCP" peer=10.0.0.1:4711 device="356307042441013" '
    'messages=12 bytes=1024 seconds=33.2 end="closed by the device"\n'
)


class JournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.journal = Journal(self.directory, lambda: NOON / 1000)

    def written(self) -> str:
        """What an operator reads."""
        return (self.directory / NAME).read_text()

    def test_line(self) -> None:
        """A connection that is over is one line: when, where, who, how much and why; it is there at once."""
        self.journal.write(ENDED)
        assert self.written() == LINE
        self.journal.write(ENDED)
        assert self.written() == LINE * 2

    def test_json(self) -> None:
        """For programs each line is a JSON object with the same in it, however a device calls itself."""
        journal = Journal(self.directory, lambda: NOON / 1000, is_json=True)
        journal.write(ENDED)
        journal.write(Ended("r", "p", 'x"\n{', 0, 0, 0, ""))
        first, second = [json.decode(line) for line in self.written().splitlines()]
        assert first == {
            "time": "2026-11-24T12:00:00.000+00:00",
            "receiver": "Teltonika TCP",
            "peer": "10.0.0.1:4711",
            "device": "356307042441013",
            "messages": 12,
            "bytes": 1024,
            "seconds": 33.25,
            "end": "closed by the device",
        }
        assert second["device"] == 'x"\n{'

    def test_disk_that_hangs(self) -> None:
        """Lines for which there is no room any more are dropped, which is said once."""
        journal = Journal(self.directory, lambda: NOON / 1000, call=lambda write: False)
        with logged() as lines:
            journal.write(ENDED)
            journal.write(ENDED)
        assert (lines, journal.dropped) == (["gps_receivers.log cannot be written: its disk does not keep up"], 2)

    def test_after_a_restart(self) -> None:
        """A restarted server goes on with the file of the one before."""
        self.journal.write(ENDED)
        Journal(self.directory, lambda: NOON / 1000).write(ENDED)
        assert self.written() == LINE * 2

    def test_forged_line(self) -> None:
        """A device that calls itself something with a line's end or a quote in it writes no line of its own."""
        self.journal.write(Ended("r", "p", 'x"\n2026 device="y', 0, 0, 0, ""))
        assert self.written().count("\n") == 1
        assert 'device="x\\"\\n2026 device=\\"y"' in self.written()

    def test_private(self) -> None:
        """Where vehicles connect from is nobody's business but the server's and its group's."""
        self.journal.write(ENDED)
        assert stat.S_IMODE((self.directory / NAME).stat().st_mode) == 0o640

    def test_bounded(self) -> None:
        """The file does not grow for ever: a few old ones are kept."""
        with patch.object(journal, "LARGEST", 1):
            for _ in range(10):
                self.journal.write(ENDED)
        assert len(list(self.directory.glob(NAME + "*"))) == journal.KEPT + 1

    def test_disk_trouble(self) -> None:
        """While the file cannot be written lines are dropped, which is said once; afterwards it goes on."""
        broken = Journal(self.directory / "missing", lambda: NOON / 1000)
        with logged() as lines:
            broken.write(ENDED)
            broken.write(ENDED)
        assert len(lines) == 1
        assert lines[0].startswith("gps_receivers.log cannot be written: ")
        assert broken.dropped == 2
        (self.directory / "missing").mkdir()
        broken.write(ENDED)
        assert (self.directory / "missing" / NAME).read_text() == LINE
