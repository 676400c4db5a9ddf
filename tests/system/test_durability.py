"""The sentence that WayGPS stands on: what a device was told is stored is stored, whatever dies meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from protocols.teltonika import teltonika
from tests.system.server import Server, receive, until
from waygps.fix import Fix

DEVICES = 12
START = 1_795_500_000_000
STORED = """SELECT m.imei, ((extract(epoch FROM p.fecha_gps) * 1000)::bigint - %s) / 1000, count(*)
            FROM posiciones_historicas p JOIN moviles m ON m.id = p.movil_id GROUP BY 1, 2"""


class Tracker:
    """A device that reports three fixes a packet until its connection breaks, and remembers what was acknowledged."""

    def __init__(self, server: Server, number: int) -> None:
        self.imei = f"3599999{number:08d}"
        self._server = server
        self._next = 0
        self.acknowledged: list[int] = []

    def run(self) -> None:
        """Report until the server is gone; what was not acknowledged is sent again by the next run."""
        encoder = teltonika.encoder(self.imei, "tcp")
        assert encoder is not None
        try:
            with self._server.tcp("teltonika") as device:
                device.sendall(encoder.hello())
                assert receive(device, 1) == b"\x01"
                while True:
                    seconds = list(range(self._next, self._next + 3))
                    device.sendall(
                        encoder.report(tuple(Fix(time=START + s * 1000, lat=-34.6, lon=-58.4, satellites=9) for s in seconds))
                    )
                    assert receive(device, 4) == b"\x00\x00\x00\x03"
                    self.acknowledged += seconds
                    self._next += 3
        except (OSError, AssertionError):
            return  # the connection broke, which is what the test is about


class Durability(SynchronousTestCase):
    """A server under the load of a few devices."""

    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.server.start()
        self.trackers = [Tracker(self.server, number) for number in range(DEVICES)]

    def load_until(self, strike: Callable[[], object]) -> None:
        """All devices report; when each has been acknowledged a few times, strike, and let them find out."""
        goals = [len(tracker.acknowledged) + 30 for tracker in self.trackers]
        with ThreadPoolExecutor(DEVICES) as threads:
            running = [threads.submit(tracker.run) for tracker in self.trackers]
            until(lambda: all(len(t.acknowledged) >= goal for t, goal in zip(self.trackers, goals, strict=True)), "the load")
            strike()
            for each in running:
                each.result(timeout=60)

    def assert_nothing_lost_or_double(self) -> None:
        until(self.server.is_drained, "the spool to be empty")
        stored = {(imei, int(second)): count for imei, second, count in self.server.rows(STORED, START)}
        acknowledged = {(tracker.imei, second) for tracker in self.trackers for second in tracker.acknowledged}
        assert acknowledged - set(stored) == set()
        assert {place for place, count in stored.items() if count != 1} == set()

    def test_server_killed(self) -> None:
        """The server is killed under load, twice: every acknowledged fix is in the history once, and the fleet goes on."""
        for _ in range(2):
            self.load_until(self.server.kill)
            self.server.start()
        self.assert_nothing_lost_or_double()

    def test_database_killed(self) -> None:
        """PostgreSQL is killed under load and comes back: the connections go on, every acknowledged fix is there once."""

        def strike() -> None:
            self.server.stop_database()
            time.sleep(0.5)
            self.server.start_database()
            before = [len(tracker.acknowledged) for tracker in self.trackers]
            until(lambda: all(len(t.acknowledged) > b for t, b in zip(self.trackers, before, strict=True)), "the fleet to go on")
            self.server.kill()

        self.load_until(strike)
        self.server.start()
        self.assert_nothing_lost_or_double()

    def test_server_killed_while_database_is_away(self) -> None:
        """The server is killed while PostgreSQL is dead and the spool holds what was acknowledged: all is in the history once."""

        def strike() -> None:
            self.server.stop_database()
            before = [len(tracker.acknowledged) for tracker in self.trackers]
            until(
                lambda: all(len(t.acknowledged) > b + 9 for t, b in zip(self.trackers, before, strict=True)), "the spool's load"
            )
            self.server.kill()

        self.load_until(strike)
        self.server.start()
        assert "fixes of an earlier run are in the spool" in self.server.log()
        self.assert_nothing_lost_or_double()

    def test_stop_under_load(self) -> None:
        """An ordinary stop under load: what was read is stored and acknowledged, and nothing that was acknowledged is missing."""
        self.load_until(self.server.end)
        assert "were not stored before the stop" not in self.server.log()
        assert "Traceback" not in self.server.log()
        self.server.start()
        self.assert_nothing_lost_or_double()
