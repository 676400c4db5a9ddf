"""How many connections there may be, how fast new ones may come, and what the log has about those that may not."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import logged
from waygps.config import Limits
from waygps.ingest.files import Files
from waygps.ingest.limits import Addresses, Gate, network

OPEN = {
    "connections_receiver": 0,
    "connections_address": 0,
    "new_per_second": 0.0,
    "datagrams_per_second": 0.0,
    "bytes_per_second": 0,
}
"""No limit at all."""


class GateCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def gates(self, *names: str, **limits: Any) -> list[Gate]:
        """Receivers that have only these limits, of one server."""
        settings = Limits(**(OPEN | limits))
        self.addresses = Addresses(settings, self.clock.seconds, most=3)
        files = Files(1000, 0, lambda kind, text: None)
        return [Gate(name, settings, self.addresses, files, self.clock.seconds) for name in names]

    def gate(self, **limits: Any) -> Gate:
        """One such receiver."""
        return self.gates("Teltonika TCP", **limits)[0]


class GateTests(GateCase):
    def test_no_limits(self) -> None:
        """With every limit switched off any number of connections is let in."""
        gate = self.gate()
        assert all(gate.admit("10.0.0.1") for _ in range(30_000))
        assert (gate.open, gate.accepted, gate.cost.total()) == (30_000, 30_000, 0)

    def test_full_receiver(self) -> None:
        """A full receiver refuses, whoever comes, until somebody leaves."""
        gate = self.gate(connections_receiver=2)
        assert [gate.admit(f"10.0.0.{n}") for n in range(3)] == [True, True, False]
        gate.leave("10.0.0.0")
        assert gate.admit("10.0.0.9")
        assert (gate.open, gate.accepted, gate.cost) == (2, 3, {"receiver": 1})

    def test_full_address(self) -> None:
        """An address that has its number open is refused, on every receiver, and others are not."""
        one, other = self.gates("one", "other", connections_address=2)
        assert (one.admit("10.0.0.1"), other.admit("10.0.0.1")) == (True, True)
        assert not one.admit("10.0.0.1")
        assert not other.admit("10.0.0.1")
        assert other.admit("10.0.0.2")
        one.leave("10.0.0.1")
        assert other.admit("10.0.0.1")
        assert (one.cost, other.cost) == ({"address": 1}, {"address": 1})

    def test_flood(self) -> None:
        """An address has its burst, then so many connections a second; nobody else is refused meanwhile."""
        gate = self.gate(new_per_second=10, new_burst=3)
        assert [gate.admit("10.0.0.1") for _ in range(5)] == [True, True, True, False, False]
        assert gate.admit("10.0.0.2")
        self.clock.advance(0.25)
        assert [gate.admit("10.0.0.1") for _ in range(3)] == [True, True, False]
        self.clock.advance(60)
        assert [gate.admit("10.0.0.1") for _ in range(4)] == [True, True, True, False]
        assert gate.cost == {"rate": 4}

    def test_flood_costs_no_place(self) -> None:
        """Who is refused for another reason keeps the burst for later."""
        gate = self.gate(connections_receiver=1, new_per_second=1, new_burst=2)
        assert gate.admit("10.0.0.1")
        assert not any(gate.admit("10.0.0.1") for _ in range(5))
        gate.leave("10.0.0.1")
        assert gate.admit("10.0.0.1")

    def test_many_addresses(self) -> None:
        """A flood from ever new addresses fills no memory; the address that came last is the last to be forgotten."""
        gate = self.gate(new_per_second=1, new_burst=1)
        for number in range(100):
            assert gate.admit(f"10.0.0.{number}")
            gate.leave(f"10.0.0.{number}")
        assert len(self.addresses.new) == 3
        assert not self.addresses.open
        assert not gate.admit("10.0.0.99")
        assert gate.admit("10.0.0.1")

    def test_ipv6_network(self) -> None:
        """A peer cannot get around its limit with the addresses of its own IPv6 network."""
        gate = self.gate(connections_address=1)
        assert gate.admit("2001:db8::1")
        assert not gate.admit("2001:db8::ffff:2")
        assert gate.admit("2001:db8:0:1::1")


class NetworkTests(SynchronousTestCase):
    def test_names(self) -> None:
        """An IPv4 peer is the same one on a port that listens on IPv6, and a name without sense is taken as it is."""
        assert network("10.0.0.1") == "10.0.0.1"
        assert network("::ffff:10.0.0.1") == "10.0.0.1"
        assert network("fe80::1%eth0") == network("fe80::2") != network("fe81::2")
        assert network("a:b") == "a:b"


class ComplaintsTests(GateCase):
    def test_first_at_once(self) -> None:
        """The first refusal is said at once, with the receiver, the setting, its value and the peer."""
        gate = self.gate(connections_receiver=1)
        gate.admit("10.0.0.1")
        with logged() as lines:
            gate.admit("10.0.0.2")
        assert lines == [
            "receiver Teltonika TCP: 1 connection(s) refused: limits.connections_receiver (1) are open; the latest is of 10.0.0.2"
        ]

    def test_a_line_a_minute(self) -> None:
        """Thousands of refusals are one line a minute, with their number, whether or not more come."""
        gate = self.gate(connections_receiver=1)
        gate.admit("10.0.0.1")
        with logged() as lines:
            for number in range(1000):
                gate.admit(f"10.0.1.{number}")
            self.clock.advance(59)
            gate.complaints.flush()
            assert len(gate.complaints._unsaid) == 1
            self.clock.advance(1)
            gate.complaints.flush()
            self.clock.advance(600)
            gate.complaints.flush()
        assert [line.split(" connection")[0] for line in lines] == ["receiver Teltonika TCP: 1", "receiver Teltonika TCP: 999"]
        assert lines[1].endswith("10.0.1.999")

    def test_kinds_apart(self) -> None:
        """One limit's lines do not hide another's."""
        gate = self.gate(connections_address=1, new_per_second=0.5, new_burst=2, idle=3600.0)
        with logged() as lines:
            for host in ("10.0.0.1", "10.0.0.1"):
                gate.admit(host)
            gate.leave("10.0.0.1")
            for _ in range(2):
                gate.admit("10.0.0.1")
                gate.leave("10.0.0.1") if gate.open else None
            gate.charge("idle", "10.0.0.1")
        assert [line.partition(") ")[2].partition(";")[0] for line in lines] == [
            "refused: limits.connections_address (1) are open from its address",
            "refused: its address opens more than limits.new_per_second (0.5) after a burst",
            "closed: no message within limits.idle (3600 s)",
        ]
