"""The limit on open files: what is kept for the server itself, who is refused, and what is said about it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import logged
from tests.ingest.watching import GuardCase
from waygps.config import Limits
from waygps.ingest.files import Files, allow_files, lowest_free

ALLOW = "import resource; from waygps.ingest.files import allow_files; {}; print(allow_files(), *resource.getrlimit(7))"


class FilesTests(SynchronousTestCase):
    def files(self, allowed: int, reserve: int) -> Files:
        """With ``self.lowest`` as the lowest free number."""
        self.lowest, self.alerts = 10, list[tuple[str, str]]()
        return Files(allowed, reserve, lambda kind, text: self.alerts.append((kind, text)), lambda: self.lowest)

    def test_reserve(self) -> None:
        """Devices may have all numbers but the highest ones, which are kept."""
        files = self.files(1200, 200)
        self.lowest = 999
        assert files.is_left()
        self.lowest = 1000
        assert not files.is_left()

    def test_alerts(self) -> None:
        """The browsers are told once that devices are refused, and once that it is over: when nobody was refused for a while."""
        files = self.files(1200, 200)
        self.lowest = 1000
        assert not files.is_left()
        assert not files.is_left()
        files.look()
        assert [kind for kind, _ in self.alerts] == ["archivos_agotados"]
        assert "1000 of 1200 open files are in use" in self.alerts[0][1]
        files.look()
        assert len(self.alerts) == 1
        self.lowest = 900
        files.look()
        files.look()
        assert [kind for kind, _ in self.alerts] == ["archivos_agotados", "archivos_disponibles"]

    def test_refused_again_meanwhile(self) -> None:
        """While devices are still being refused nobody is told that it is over."""
        files = self.files(1200, 200)
        self.lowest = 1000
        for _ in range(3):
            assert not files.is_left()
            self.lowest = 990
            files.look()
            self.lowest = 1000
        assert len(self.alerts) == 1

    def test_switched_off(self) -> None:
        """With nothing kept every connection is let in."""
        files = self.files(1200, 0)
        self.lowest = 5000
        assert files.is_left()

    def test_small_limit(self) -> None:
        """Where the limit is smaller than what is to be kept, devices have half of it."""
        assert self.files(64, 200).most == 32

    def test_said_at_the_start(self) -> None:
        """The start says how many files are allowed, and what to raise where a receiver may have more connections."""
        files = self.files(1200, 200)
        with logged() as lines:
            files.compare(20_000)
            files.compare(500)
            files.compare(0)
        assert lines[0] == (
            "1200 open files are allowed, 1000 of them for devices: less than limits.connections_receiver (20000). "
            "Raise the limit: ulimit -n, or LimitNOFILE= of the systemd unit"
        )
        assert lines[1:] == ["1200 open files are allowed, 1000 of them for devices"] * 2


class SystemTests(SynchronousTestCase):
    def test_lowest(self) -> None:
        """The lowest free number is the one that the next file gets."""
        number = lowest_free()
        opened = os.open(os.devnull, os.O_RDONLY)
        try:
            assert opened == number
            assert lowest_free() > number
        finally:
            os.close(opened)

    def test_none_is_left(self) -> None:
        """When not a single file can be opened any more, devices are refused and nothing fails."""
        files = Files(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 200, lambda kind, text: None)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            assert not files.is_left()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def allowed(self, before: str) -> list[int]:
        """What a process may open that begins with this statement: as it says, the soft and the hard limit."""
        ran = subprocess.run([sys.executable, "-c", ALLOW.format(before)], capture_output=True, text=True, check=True)
        return [int(number) for number in ran.stdout.split()]

    def test_raised(self) -> None:
        """A process that was started with a low soft limit takes what the system lets it have, and not more."""
        assert self.allowed("resource.setrlimit(7, (300, 900))") == [900, 900, 900]
        assert self.allowed("resource.setrlimit(7, (900, 900))") == [900, 900, 900]
        assert allow_files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class RefusedTests(GuardCase):
    limits = Limits(connections_receiver=0, new_per_second=0)

    def test_refused(self) -> None:
        """At the limit on open files a device is refused, counted, said and told to browsers; those connected are not harmed."""
        before = self.device()
        self.lowest = 1000
        with logged() as lines:
            refused = [self.device() for _ in range(5)]
        assert [device.protocol for device in refused] == [None] * 5
        assert (self.gate.cost, self.gate.open) == ({"files": 5}, 1)
        assert lines[-1] == (
            "receiver Lines TCP: 1 connection(s) refused: too many files are open, the rest is kept: "
            "limits.reserved_files (200). Raise the limit: ulimit -n, or LimitNOFILE= of the systemd unit; "
            "the latest is of 10.0.0.1"
        )
        before.says(b"A 1\n")
        assert len(self.sessions.made[0].messages) == 1
        self.lowest = 100
        self.wait(20)
        assert self.alerts == ["archivos_agotados", "archivos_disponibles"]
        assert self.device().protocol is not None
