"""Receivers that change while the server runs: what is opened, closed and left alone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any, cast

from msgspec.structs import astuple, replace
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.fakes import FakeProducer, LineDecoder, logged
from tests.ports import free_port
from tests.postgres import until
from waygps.errors import StoreUnavailable
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.share import Share
from waygps.ingest.switchboard import Switchboard
from waygps.ingest.valve import Valve
from waygps.ports import Listener
from waygps.storage.receivers import CHANNEL, RESTARTS, Receiver
from waygps.storage.session import Row
from waygps.vendor import Vendor

HERE = "127.0.0.1"
ONE = Receiver(1, "One", "lines", 5001, "TCP")
TWO = Receiver(2, "Two", "lines", 5002, "TCP")
DATAGRAMS = Receiver(3, "Three", "lines", 5003, "UDP")


class FakeTable:
    """The table, as a session gives it; ``asked`` has the questions that the test answers itself while ``is_slow``."""

    def __init__(self, *receivers: Receiver) -> None:
        self.receivers = list(receivers)
        self.channels: list[str] = []
        self.asked: list[Deferred[list[Row]]] = []
        self.is_slow = self.is_away = False

    def listen(self, channel: str, heard: Callable[[str], None]) -> Deferred[None]:
        self.channels.append(channel)
        self._heard = heard
        return succeed(None)

    def on_recovery(self, call: Callable[[], object]) -> None:
        self.recover = call

    def execute(self, sql: str) -> Deferred[None]:
        assert sql == f"LISTEN {CHANNEL}"
        return fail(StoreUnavailable("away")) if self.is_away else succeed(None)

    def query_patiently(self, sql: str) -> Deferred[list[Row]]:
        asking: Deferred[list[Row]] = Deferred()
        self.asked.append(asking)
        if not self.is_slow:
            self.answer()
        return asking

    def answer(self) -> None:
        """The database answers the last question."""
        self.asked[-1].callback([astuple(each) for each in self.receivers])

    def change(self, *receivers: Receiver) -> None:
        """Somebody changes the table to these."""
        self.receivers = list(receivers)
        self.say("")

    def say(self, payload: str) -> None:
        """Somebody notifies the channel."""
        self._heard(payload)


class FakeReceiver:
    """A port; ``opened`` of the test knows all that are open."""

    def __init__(self, case: SwitchboardTests, receiver: Receiver, share: Share) -> None:
        self.receiver, self.share, self.fault = receiver, share, ""
        self._case, self._place = case, (receiver.transport, receiver.port)

    def follow(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def startService(self) -> None:
        if self._place in self._case.opened:
            self.fault = "in use"
        else:
            self._case.opened[self._place] = self

    def stopService(self) -> Deferred[None]:
        del self._case.opened[self._place]
        return succeed(None)


class SwitchboardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.valve, self.table = Clock(), Valve(100), FakeTable(ONE, TWO)
        self.opened: dict[tuple[str, int], Any] = {}
        self.board = Switchboard(self.clock, self.table, self.valve, self.made, self.served, 10)
        self.board.put([ONE, TWO])
        self.board.startService()

    def made(self, receiver: Receiver, share: Share) -> ReceiverService:
        return cast(ReceiverService, FakeReceiver(self, receiver, share))

    def served(self, receivers: Iterable[Receiver]) -> list[Receiver]:
        return [receiver for receiver in receivers if receiver.vendor != "unknown"]

    def at(self, port: int, transport: str = "TCP") -> Any:
        """The receiver that is open there, or None."""
        return self.opened.get((transport, port))

    def connected(self, port: int, transport: str = "TCP") -> FakeProducer:
        """A device at this port."""
        device = FakeProducer()
        self.at(port, transport).share.add(device)
        return device

    def ports(self) -> list[int]:
        return sorted(port for _, port in self.opened)

    def test_start(self) -> None:
        """The receivers of the start are open, the table is followed from then on, and nobody is disturbed by that."""
        assert self.table.channels == [CHANNEL]
        assert [service.receiver for service in self.board] == [ONE, TWO]
        device = self.connected(5001)
        self.table.change(ONE, TWO)
        assert (self.ports(), device.calls) == ([5001, 5002], [])

    def test_changed_during_the_start(self) -> None:
        """A receiver that was added between the first reading of the table and the start is opened too."""
        self.table.receivers = [ONE, TWO, DATAGRAMS]
        board = Switchboard(self.clock, self.table, self.valve, self.made, self.served, 10)
        self.opened.clear()
        board.put([ONE, TWO])
        board.startService()
        assert self.ports() == [5001, 5002, 5003]

    def test_added(self) -> None:
        """A new receiver is opened; one of a vendor that is not there is not."""
        self.table.change(DATAGRAMS, ONE, TWO, Receiver(4, "Four", "unknown", 5004, "TCP"))
        assert self.ports() == [5001, 5002, 5003]
        assert [service.receiver.id for service in self.board] == [3, 1, 2]

    def test_stopped(self) -> None:
        """A stopped receiver takes no connection more; its own ends when what was read is answered, and the others' go on."""
        device, other = self.connected(5001), self.connected(5002)
        share = self.at(5001).share
        share.take(2)
        self.table.change(TWO)
        assert (self.ports(), device.calls) == ([5002], ["pause"])
        self.clock.advance(5)
        assert device.calls == ["pause"]
        share.give_back(2)
        assert device.calls == ["pause"]  # its answer is written only after this
        self.clock.advance(0)
        assert device.calls == ["pause", "stop"]
        assert other.calls == []
        assert [service.receiver for service in self.board] == [TWO]

    def test_store_that_takes_nothing(self) -> None:
        """A connection whose messages cannot be stored ends after the patience, unanswered, and that is said."""
        device, share = self.connected(5001), self.at(5001).share
        share.take(2)
        with logged() as lines:
            self.table.change(TWO)
            self.clock.advance(10)
            self.clock.advance(0)
        assert device.calls == ["pause", "stop"]
        assert "receiver One: 2 fixes were not stored: not acknowledged" in lines

    def test_datagrams(self) -> None:
        """A UDP port stays open for the answers that it owes, and takes nothing new meanwhile."""
        self.table.change(ONE, DATAGRAMS)
        port, share = self.connected(5003, "UDP"), self.at(5003, "UDP").share
        share.take(1)
        self.table.change(ONE)
        assert port.paused
        assert self.at(5003, "UDP")
        share.give_back(1)
        self.clock.advance(0)
        assert self.at(5003, "UDP") is None

    def test_moved(self) -> None:
        """A receiver moves to another port, and two can change their places."""
        device = self.connected(5001)
        self.table.change(Receiver(1, "One", "lines", 6001, "TCP"), TWO)
        self.clock.advance(0)
        assert (self.ports(), device.calls) == ([5002, 6001], ["pause", "stop"])
        self.table.change(Receiver(1, "One", "lines", 5002, "TCP"), Receiver(2, "Two", "lines", 6001, "TCP"))
        assert (self.at(5002).receiver.name, self.at(6001).receiver.name) == ("One", "Two")
        assert not self.at(5002).fault

    def test_other_vendor(self) -> None:
        """A receiver of another type from now on is opened anew on its port."""
        before = self.at(5001)
        self.table.change(Receiver(1, "One", "other", 5001, "TCP"), TWO)
        assert self.at(5001) is not before
        assert self.at(5001).receiver.vendor == "other"

    def test_renamed(self) -> None:
        """A new name disturbs no device, and is what is shown."""
        device = self.connected(5001)
        self.table.change(Receiver(1, "Uno", "lines", 5001, "TCP"), TWO)
        assert device.calls == []
        assert [service.receiver.name for service in self.board] == ["Uno", "Two"]

    def test_restart(self) -> None:
        """A receiver that is restarted is closed and opened once, its devices' connections end, and no other's do."""
        device, other, before = self.connected(5001), self.connected(5002), self.at(5001)
        self.table.say(f"{RESTARTS}1")
        self.clock.advance(0)
        assert self.ports() == [5001, 5002]
        assert self.at(5001) is not before
        assert (device.calls, other.calls) == (["pause", "stop"], [])
        again = self.connected(5001)
        self.table.change(ONE, TWO)
        assert again.calls == []

    def test_restart_of_nothing(self) -> None:
        """What nobody understands, or a receiver that is not open, disturbs nobody."""
        devices = [self.connected(5001), self.connected(5002)]
        for payload in (f"{RESTARTS}9", RESTARTS, f"{RESTARTS}x", "1", f"{RESTARTS}1;2"):
            self.table.say(payload)
        assert [device.calls for device in devices] == [[], []]

    def test_others_allowed(self) -> None:
        """A receiver that may serve other vendors from now on is told so, and disturbs nobody."""
        device = self.connected(5001)
        self.table.is_slow = True
        self.table.say("")
        rows = [(each.id, each.name, each.vendor, each.port, each.transport, "", True) for each in (ONE, TWO)]
        self.table.asked[-1].callback(rows)
        assert [service.receiver.others for service in self.board] == [True, True]
        assert device.calls == []

    def test_new_limits(self) -> None:
        """Limits of its own come to a receiver while it is open, and disturb no device."""
        device = self.connected(5001)
        self.table.change(replace(ONE, most_connections=5, most_devices=6, idle=7), TWO)
        assert device.calls == []
        assert self.at(5001).receiver.most_devices == 6

    def test_tls(self) -> None:
        """A receiver that is to speak TLS is opened anew; its devices are disconnected, those of others are not."""
        device, other = self.connected(5001), self.connected(5002)
        self.table.change(replace(ONE, tls={"certificado": "a", "clave": "b"}), TWO)
        self.clock.advance(0)
        assert (device.calls, other.calls) == (["pause", "stop"], [])
        assert self.at(5001).receiver.tls == {"certificado": "a", "clave": "b"}

    def test_taken_port(self) -> None:
        """A port that cannot be opened is a fault of its receiver, tried again at the next change; the others go on."""
        self.opened["TCP", 7000] = other = FakeReceiver(self, Receiver(9, "else's", "lines", 7000, "TCP"), Share(self.valve))
        device = self.connected(5002)
        moved = Receiver(1, "One", "lines", 7000, "TCP")
        self.table.change(moved, TWO)
        assert [service.fault for service in self.board] == ["in use", ""]
        other.stopService()
        self.table.change(moved, TWO)
        assert [service.fault for service in self.board] == ["", ""]
        assert device.calls == []

    def test_vendor_with_a_bug(self) -> None:
        """A receiver that cannot be closed in order is said, and the change of the others takes place."""
        self.at(5001).stopService = lambda: 1 // 0
        self.table.change(DATAGRAMS)
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        assert self.at(5002) is None
        assert self.at(5003, "UDP")

    def test_change_while_reading(self) -> None:
        """What changes while the table is read is read afterwards, once."""
        self.table.is_slow = True
        self.table.change(ONE)
        for _ in range(3):
            self.table.change(TWO)
        asked = len(self.table.asked)
        self.table.answer()
        assert len(self.table.asked) == asked + 1
        self.table.answer()
        assert (len(self.table.asked), self.ports()) == (asked + 1, [5002])

    def test_recovery(self) -> None:
        """What changed while PostgreSQL was away is read when it is back."""
        self.table.receivers = [TWO]
        self.table.is_away = True
        self.table.recover()
        assert self.ports() == [5001, 5002]
        self.table.is_away = False
        self.table.recover()
        assert self.ports() == [5002]

    def test_stop(self) -> None:
        """A stopped server has no port open, and opens none when the table changes or answers late."""
        self.table.is_slow = True
        self.table.change(ONE, TWO, DATAGRAMS)
        self.successResultOf(Deferred.fromCoroutine(self.board.stopService()))
        self.table.answer()
        self.table.change(ONE)
        assert self.ports() == []

    def test_stop_while_one_closes(self) -> None:
        """A server that is stopped while a receiver gives its last answers opens no other afterwards."""
        self.table.change(ONE, DATAGRAMS)
        share = self.at(5003, "UDP").share
        share.take(1)
        self.table.change(ONE, TWO)
        self.successResultOf(Deferred.fromCoroutine(self.board.stopService()))
        share.give_back(1)
        self.clock.advance(0)
        assert self.ports() == []


class ShareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.valve = Valve(10)
        self.share, self.other = Share(self.valve), Share(self.valve)
        self.device = FakeProducer()
        self.share.add(self.device)

    def test_bound_of_all(self) -> None:
        """What all receivers hold together pauses the connections of each, and a stop pauses them for good."""
        self.other.take(10)
        assert (self.device.calls, self.share.is_shut) == (["pause"], False)
        self.other.give_back(10)
        assert (self.device.calls, self.valve.held) == (["pause", "resume"], 0)
        self.valve.shut()
        assert self.device.paused

    def test_room_again(self) -> None:
        """A connection of a closed receiver is not read again when there is room."""
        self.other.take(10)
        self.share.shut()
        self.other.give_back(10)
        assert "resume" not in self.device.calls

    def test_gone(self) -> None:
        """A connection that is gone is not told of the end."""
        self.share.remove(self.device)
        self.share.shut()
        self.share.end()
        assert self.device.calls == []

    def test_late(self) -> None:
        """A connection whose vendor is known only after its receiver was closed ends at once."""
        self.share.shut()
        late = FakeProducer()
        self.share.add(late)
        assert late.calls == ["stop"]


class PortTests(TestCase):
    """On real ports."""

    async def test_impossible_ports(self) -> None:
        """A port of another program is said by the receiver's name, and what was added beside it is open."""
        taken = socket.create_server((HERE, 0))
        self.addCleanup(taken.close)
        first, second = taken.getsockname()[1], free_port()
        vendor = Vendor(name="lines", title="Lines", port=1, decoder=lambda *_: LineDecoder())
        table, clock = FakeTable(), cast(Any, reactor)
        sessions = cast(Any, None)  # nobody connects
        board = Switchboard(
            clock,
            table,
            Valve(10),
            lambda each, _: ReceiverService(Listener(clock, HERE), each, vendor, sessions),
            lambda rows: list(rows),
            1,
        )
        board.startService()
        self.addCleanup(lambda: Deferred.fromCoroutine(board.stopService()))
        table.change(Receiver(1, "One", "lines", first, "TCP"), Receiver(2, "Two", "lines", second, "TCP"))
        faults = [service.fault for service in board]
        assert faults == [f"receiver One: TCP port {first}: Address already in use", ""]
        socket.create_connection((HERE, second), 5).close()
        table.change()
        await until(lambda: _is_refused(second), "the port to be closed")


def _is_refused(port: int) -> bool:
    with socket.socket() as device:
        return device.connect_ex((HERE, port)) != 0
