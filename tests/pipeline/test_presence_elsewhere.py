"""A device whose connections end up at different processes of the server: one of them judges its state."""

from __future__ import annotations

from tests.pipeline.test_presence import CONNECTED, GONE, SILENCE, Line, PresenceCase
from waygps.pipeline.presence import GRACE, ROUND, Presence


class ElsewhereTests(PresenceCase):
    def made(self, most: int = 100) -> Presence:
        self.announced: list[tuple[str, str]] = []
        tell = self.announced.append
        return Presence(
            SILENCE, lambda *alert: self.alerts.append(alert), most, self.clock.seconds, lambda name, peer: tell((name, peer))
        )

    def test_announced_once(self) -> None:
        """A device is announced with each connection, and not with each message."""
        self.presence.claim("A1", Line("10.0.0.1:1"))
        for _ in range(3):
            self.report()
        self.presence.claim("A1", Line("10.0.0.1:2"))
        assert self.announced == [("A1", "10.0.0.1:1"), ("A1", "10.0.0.1:2")]

    def test_datagrams_are_announced(self) -> None:
        """A device over UDP is announced when it is heard first, and when it comes back from another process."""
        self.report()
        self.report()
        self.presence.taken("A1", "")
        self.report()
        assert self.announced == [("A1", "")] * 2

    def test_older_connection_is_closed(self) -> None:
        """A device that reconnects and ends up at another process leaves no half-dead connection behind, and is not told gone."""
        older = Line()
        self.presence.claim("A1", older)
        self.report()
        self.presence.taken("A1", "10.0.0.9:1")
        assert older.lost == ["A1"]
        self.presence.release("A1", older)
        assert self.wait(SILENCE + 2 * ROUND) == {}
        assert self.presence.absent() == {}

    def test_it_comes_back(self) -> None:
        """A device that comes back is judged here again."""
        line = Line()
        self.presence.claim("A1", Line())
        assert self.report() == CONNECTED
        self.presence.taken("A1", "")
        self.presence.claim("A1", line)
        self.report()
        self.presence.release("A1", line)
        assert self.wait(GRACE + 1) == GONE

    def test_never_heard_here(self) -> None:
        """Who announces a device that nobody knows here changes nothing."""
        self.presence.taken("Z9", "10.0.0.9:1")
        assert self.wait(ROUND) == {}

    def test_two_devices_with_one_identification(self) -> None:
        """Two devices that displace each other are noticed, though each has a process of its own."""
        for number in range(3):
            self.presence.claim("A1", Line(f"10.0.0.1:{number}"))
            self.presence.taken("A1", f"10.0.0.9:{number}")
        assert [kind for kind, _ in self.alerts] == ["identidad_repetida"]

    def test_inherited(self) -> None:
        """What an earlier run knew counts as inherited until the device is heard here."""
        self.presence.inherit({"A1": "conectado", "B2": "conectado"})
        self.report("A1")
        assert [self.presence.is_inherited(name) for name in ("A1", "B2", "C3")] == [False, True, True]
