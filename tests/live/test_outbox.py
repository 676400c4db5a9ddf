"""What waits for a client that does not read, or wants to be told less often."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import NOON
from tests.live.telling import an_update
from waygps.live.outbox import AT_ONCE, MOST_POINTS, Outbox
from waygps.live.update import Item, Said, Update


def alert(text: str) -> Said:
    """A finished message."""
    return Said(0, text.encode())


class OutboxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sent: list[Item] = []
        self.clock = Clock()
        self.outbox = Outbox(self.sent.extend, self.clock)

    def moves(self, *places: tuple[int, float]) -> None:
        """Vehicles are at these latitudes now."""
        items = [an_update(vehicle, lat) for vehicle, lat in places]
        if self.outbox.is_held:
            self.outbox.keep(items)
        else:
            self.sent.extend(items)
            self.outbox.sent()

    def told(self) -> list[tuple[int, float]]:
        """Vehicles and latitudes, or texts, as they were sent since the last time."""
        sent, self.sent[:] = list(self.sent), []
        return [(item.vehicle, item.place[0]) for item in sent if isinstance(item, Update)]

    def texts(self) -> list[str]:
        """The finished messages that were sent."""
        return [item.message.decode() for item in self.sent if isinstance(item, Said)]

    def test_interface(self) -> None:
        """The connection can pause it."""
        verifyObject(IPushProducer, self.outbox)

    def test_held_at_first(self) -> None:
        """No update overtakes the initial state: what comes before it waits, and leaves after it in order."""
        self.moves((1, 1.0), (2, 2.0))
        self.outbox.resumeProducing()
        assert self.sent == []
        self.outbox.begin()
        assert self.told() == [(1, 1.0), (2, 2.0)]

    def test_initial_state_does_not_fit(self) -> None:
        """A client that does not even take its initial state is sent nothing more until it did."""
        self.outbox.pauseProducing()
        self.outbox.begin()
        self.moves((1, 1.0))
        assert self.sent == []
        self.outbox.resumeProducing()
        assert self.told() == [(1, 1.0)]

    def test_newest_of_each(self) -> None:
        """A client that fell behind gets the newest update of each vehicle and none that it would have to skip."""
        for number in range(1000):
            self.moves((number % 2, float(number)))
        self.outbox.begin()
        assert self.told() == [(0, 998.0), (1, 999.0)]
        assert self.outbox.replaced == 998

    def test_alerts_of_each_kind(self) -> None:
        """A client that fell behind gets the newest alert of each kind beside the updates, and no backlog of alerts."""
        for number in range(100):
            self.outbox.offer("cola_llena", alert(f"full {number}"))
            self.outbox.offer("base_de_datos_fuera", alert(f"away {number}"))
            self.moves((7, float(number)))
        self.outbox.begin()
        assert self.texts() == ["full 99", "away 99"]
        assert self.told() == [(7, 99.0)]

    def test_last_of_a_story(self) -> None:
        """Of alerts that contradict each other the one that came last is the last that a slow client reads."""
        for _ in range(3):
            self.outbox.offer("fuera", alert("away"))
            self.outbox.offer("de_vuelta", alert("back"))
        self.outbox.offer("fuera", alert("away again"))
        self.outbox.begin()
        assert self.texts() == ["back", "away again"]

    def test_oldest_first(self) -> None:
        """Vehicles keep their turn: one that reports often does not fall behind the others."""
        self.moves((1, 1.0), (2, 2.0), (1, 3.0))
        self.outbox.begin()
        assert self.told() == [(1, 3.0), (2, 2.0)]

    def test_state_before_a_report(self) -> None:
        """A device that reports after it was away is shown as connected, not as away."""
        self.outbox.keep([Said(7, b"desconectado"), an_update(7)])
        self.outbox.begin()
        assert self.texts() == []
        assert len(self.told()) == 1

    def test_paused_again_while_sending(self) -> None:
        """A connection that fills up in the middle gets the rest when it has room again, each update once."""

        def send(items: list[Item]) -> None:
            self.sent.extend(items)
            outbox.pauseProducing()

        outbox = Outbox(send, self.clock)
        outbox.keep([an_update(vehicle) for vehicle in range(2 * AT_ONCE + 1)])
        outbox.begin()
        sizes = [len(self.sent)]
        for _ in range(3):
            outbox.resumeProducing()
            sizes.append(len(self.sent))
        assert sizes == [AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1, 2 * AT_ONCE + 1]
        assert [vehicle for vehicle, _ in self.told()] == list(range(2 * AT_ONCE + 1))

    def test_since(self) -> None:
        """The time without reading counts from the first moment, however often the connection says that it is full."""
        self.outbox.begin()
        self.clock.advance(5)
        self.outbox.pauseProducing()
        self.clock.advance(5)
        self.outbox.pauseProducing()
        assert (self.outbox.is_paused, self.outbox.since) == (True, 5)

    def test_stopped(self) -> None:
        """For a connection that is gone nothing is kept."""
        self.moves((1, 1.0))
        self.outbox.stopProducing()
        self.outbox.begin()
        self.outbox.resumeProducing()
        assert self.sent == []

    def test_interval(self) -> None:
        """A client that wants to hear every five seconds hears at once, and then the newest of each vehicle every five."""
        self.outbox.begin()
        self.outbox.configure(5.0, trail=False)
        self.moves((1, 0.0))
        assert self.told() == [(1, 0.0)]
        for second in range(1, 5):
            self.clock.advance(1)
            self.moves((1, float(second)))
        assert self.told() == []
        self.clock.advance(1)
        assert self.told() == [(1, 4.0)]
        self.clock.advance(20)
        self.moves((1, 30.0))
        assert self.told() == [(1, 30.0)]

    def test_alert_within_the_interval(self) -> None:
        """An alert does not wait for the interval."""
        self.outbox.begin()
        self.outbox.configure(5.0, trail=False)
        self.moves((1, 0.0))
        self.outbox.offer("cola_llena", alert("full"))
        assert self.texts() == ["full"]

    def test_interval_taken_back(self) -> None:
        """A client that wants to hear at once again gets what waited."""
        self.outbox.begin()
        self.outbox.configure(60.0, trail=False)
        self.moves((1, 0.0))
        self.moves((1, 1.0))
        self.outbox.configure(0.0, trail=False)
        assert self.told() == [(1, 0.0), (1, 1.0)]
        assert self.clock.getDelayedCalls() == []

    def test_trail(self) -> None:
        """The points between are kept for who wants them, and for nobody else."""
        for wants, expected in ((True, [1.0, 2.0]), (False, [])):
            outbox = Outbox(self.sent.extend, self.clock)
            outbox.configure(0.0, wants)
            for lat in (1.0, 2.0, 3.0):
                outbox.keep([an_update(1, lat)])
            outbox.begin()
            item = self.sent.pop()
            assert isinstance(item, Update)
            assert [point[1] for point in item.trail] == expected
            assert item.place[0] == 3.0

    def test_points_have_an_end(self) -> None:
        """A client that does not read for hours holds a bounded number of points, and still the newest place of each vehicle."""
        self.outbox.configure(0.0, trail=True)
        for second in range(100):
            for vehicle in range(50):
                self.outbox.keep([an_update(vehicle, float(second % 90), time=NOON + second)])
        self.outbox.begin()
        updates = [item for item in self.sent if isinstance(item, Update)]
        assert sum(len(update.trail) for update in updates) <= MOST_POINTS
        assert [update.place[0] for update in updates] == [9.0] * 50

    def test_overtaken_alarm(self) -> None:
        """An SOS that a newer report overtakes before it is sent is told with that report."""
        self.outbox.keep([an_update(1, alarm="sos", ignition=True), an_update(1, lat=2.0, time=NOON + 1)])
        self.outbox.begin()
        (item,) = self.sent
        assert isinstance(item, Update)
        assert {"sos", True} <= set(item.row)
        assert item.place[0] == 2.0
