"""When a device counts as connected, gone or in error."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import logged
from waygps.pipeline.presence import CALLS, GRACE, ROUND, WITHIN, Presence

CONNECTED, GONE, ERROR = ({"A1": state} for state in ("conectado", "desconectado", "error"))
SILENCE = 600


class Line:
    """A connection that can be displaced."""

    def __init__(self, peer: str = "10.0.0.1:5000") -> None:
        self.peer = peer
        self.lost: list[str] = []

    def displaced(self, device: str) -> None:
        self.lost.append(device)


class PresenceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.alerts: list[tuple[str, str]] = []
        self.presence = self.made()

    def made(self, most: int = 100) -> Presence:
        return Presence(SILENCE, lambda *alert: self.alerts.append(alert), most, self.clock.seconds)

    def report(self, name: str = "A1", good: bool = True) -> dict[str, str]:
        """A message of the device came; what changed."""
        self.presence.heard[name] = good
        return self.presence.tick()

    def wait(self, seconds: int) -> dict[str, str]:
        """What changed in so many seconds, the newest of each."""
        changes: dict[str, str] = {}
        for _ in range(seconds):
            self.clock.advance(1)
            changes.update(self.presence.tick())
        return changes

    def call(self, lasts: int) -> dict[str, str]:
        """The device connects, reports and hangs up after so many seconds; what changed until its grace is over."""
        line = Line()
        self.presence.claim("A1", line)
        self.report()
        self.wait(lasts)
        self.presence.release("A1", line)
        return self.wait(GRACE + 1)


class SilenceTests(PresenceCase):
    def test_first_message(self) -> None:
        """A device is conectado with its first message, which is told once."""
        assert self.report() == CONNECTED
        assert self.report() == {}
        assert self.presence.absent() == {}

    def test_nobody(self) -> None:
        """A message that names no device, such as a ping, is no device's state."""
        assert self.report("") == {}

    def test_silent(self) -> None:
        """A device over UDP that says nothing for the silence is desconectado, half a minute later at most; not before."""
        self.report()
        assert self.wait(SILENCE) == {}
        assert self.wait(ROUND + 1) == GONE
        assert self.presence.absent() == GONE
        assert self.report() == CONNECTED

    def test_open_connection_and_silent(self) -> None:
        """A connection that stays open because its device lost the network does not show the device as connected for ever."""
        self.presence.claim("A1", Line())
        self.report()
        assert self.wait(SILENCE + ROUND + 1) == GONE

    def test_usual_interval(self) -> None:
        """A device that reports every half an hour is gone after three times that, whether or not its reports come in pieces."""
        for _ in range(4):
            self.report()
            self.wait(2)
            self.report()
            self.wait(1798)
        self.report()
        assert self.wait(3 * 1798) == {}
        assert self.wait(ROUND + 1) == GONE

    def test_interval_becomes_shorter(self) -> None:
        """A vehicle that was parked for hours and drives again is missed as soon as any other."""
        for seconds in (7200, 7200, 7200, 30, 30, 30):
            self.report()
            self.wait(seconds)
        self.report()
        assert self.wait(SILENCE + ROUND + 1) == GONE

    def test_everyone_is_looked_at(self) -> None:
        """However many devices there are, each that fell silent is found within the same half a minute."""
        names = {f"D{number}" for number in range(95)}
        self.presence.heard.update(dict.fromkeys(names, True))
        assert set(self.presence.tick()) == names
        assert self.wait(SILENCE) == {}
        assert self.wait(ROUND + 1) == dict.fromkeys(names, "desconectado")

    def test_bounded(self) -> None:
        """Of more devices than are kept the one known longest is forgotten, and counts as new when it comes again."""
        self.presence = self.made(most=2)
        for name in ("A1", "B2", "C3"):
            self.report(name)
        assert self.report("B2") == {}
        assert self.report("A1") == CONNECTED


class ConnectionTests(PresenceCase):
    def test_hung_up(self) -> None:
        """A device whose connection is gone is desconectado after the grace; not before, since it may come again."""
        line = Line()
        self.presence.claim("A1", line)
        self.report()
        self.wait(100)
        self.presence.release("A1", line)
        assert self.wait(GRACE - 1) == {}
        assert self.wait(1) == GONE

    def test_comes_again(self) -> None:
        """A device that connects anew within the grace was never gone."""
        first, second = Line(), Line()
        self.presence.claim("A1", first)
        self.report()
        self.presence.release("A1", first)
        self.wait(GRACE - 1)
        self.presence.claim("A1", second)
        self.report()
        assert self.wait(10 * GRACE) == {}

    def test_stored_late(self) -> None:
        """A message that is stored a moment after its connection ended does not keep the device connected."""
        line = Line()
        self.presence.claim("A1", line)
        self.report()
        self.presence.release("A1", line)
        self.wait(1)
        self.report()
        assert self.wait(GRACE) == GONE

    def test_goes_on_over_udp(self) -> None:
        """A device that hung up and reports over UDP since is connected."""
        assert self.call(lasts=100) == GONE
        self.wait(10)
        assert self.report() == CONNECTED
        assert self.wait(SILENCE) == {}

    def test_hangs_up_after_each_report(self) -> None:
        """A device that connects for each report does not go on and off: after a few such calls silence alone says it is gone."""
        assert [self.call(lasts=1) for _ in range(CALLS + 2)] == [GONE] * (CALLS - 1) + [{}] * 3
        assert self.wait(SILENCE + ROUND) == GONE

    def test_stays_again(self) -> None:
        """A device that made short calls and then stayed on the line is gone when that line is."""
        for _ in range(CALLS):
            self.call(lasts=1)
        assert self.call(lasts=100) == GONE

    def test_newer_wins(self) -> None:
        """Of two connections of one device the older is told to close, and its end does not count."""
        older, newer = Line(), Line()
        self.presence.claim("A1", older)
        self.report()
        self.presence.claim("A1", newer)
        assert (older.lost, newer.lost) == (["A1"], [])
        self.presence.release("A1", older)
        assert self.wait(GRACE + 1) == {}

    def test_unknown_release(self) -> None:
        """The end of a connection whose device was forgotten meanwhile breaks nothing."""
        self.presence.release("A1", Line())
        assert self.presence.tick() == {}


class IdentityTests(PresenceCase):
    def alternate(self, times: int, seconds: int = 30) -> list[str]:
        """Two devices with one identification, each connecting anew after so many seconds; the lines of the log."""
        with logged() as lines:
            for number in range(times + 1):
                self.presence.claim("A1", Line(f"10.0.0.{number % 2 + 1}:5000"))
                self.wait(seconds)
        return lines

    def test_alternates(self) -> None:
        """When connections of one device displace each other three times, the operator is told of both addresses, once."""
        lines = self.alternate(times=3)
        text = "Two devices seem to report as A1, from 10.0.0.1:5000 and from 10.0.0.2:5000: each displaces the other"
        assert lines == [text]
        assert self.alerts == [("identidad_repetida", text)]

    def test_twice(self) -> None:
        """A device that lost its network twice in a short time is no reason for an alert."""
        assert self.alternate(times=2) == []

    def test_slowly(self) -> None:
        """One that comes again once in a long while is none either, however often."""
        assert self.alternate(times=8, seconds=WITHIN // 2) == []
        assert self.alerts == []

    def test_goes_on(self) -> None:
        """While the two go on the alert comes again every ten minutes, not every time."""
        assert len(self.alternate(times=3 * WITHIN // 30 - 1)) == 3


class ErrorTests(PresenceCase):
    def test_unreadable(self) -> None:
        """A device whose last message cannot be read is in error, until a good one comes."""
        assert self.report() == CONNECTED
        assert self.report(good=False) == ERROR
        assert self.presence.absent() == ERROR
        assert self.report() == CONNECTED

    def test_newest_of_a_second(self) -> None:
        """A good message right after a bad one leaves no error."""
        self.presence.heard["A1"] = False
        assert self.report() == CONNECTED

    def test_closed_after_it(self) -> None:
        """The error stays when the connection is closed for it, or nobody would see it; silence ends it."""
        line = Line()
        self.presence.claim("A1", line)
        self.report()
        self.wait(100)
        self.report(good=False)
        self.presence.release("A1", line)
        assert self.wait(10 * GRACE) == {}
        assert self.wait(SILENCE) == GONE


class RestartTests(PresenceCase):
    def test_stays_so(self) -> None:
        """After a restart what was conectado or in error stays so for the silence, and is gone if nothing comes by then."""
        self.presence.inherit({"A1": "conectado", "B2": "error"})
        assert self.wait(SILENCE) == {}
        assert self.wait(ROUND + 1) == {"A1": "desconectado", "B2": "desconectado"}

    def test_comes_again(self) -> None:
        """A device that reports by then goes on as if nothing had happened."""
        self.presence.inherit({"A1": "conectado", "B2": "error"})
        self.wait(SILENCE - 1)
        assert self.report() == {}
        assert self.report("B2") == {"B2": "conectado"}
        assert self.wait(ROUND + 2) == {}

    def test_reported_already(self) -> None:
        """What a device says counts more than what an earlier run left of it."""
        self.report()
        self.presence.inherit({"A1": "error"})
        assert self.wait(1) == {}
