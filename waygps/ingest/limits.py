"""Limits of devices: connections that are open, how fast new ones and datagrams may come. What is refused is counted and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, ip_address

from waygps.config import Limits
from waygps.ingest.buckets import Buckets
from waygps.ingest.complaints import Complaints, Kind
from waygps.ingest.files import Files
from waygps.ingest.terms import terms


class Addresses:
    """What each address has open, on all receivers, and how much more it may open and send now.

    An IPv6 peer owns its /64 and counts as one address. At most ``most`` addresses, and senders, are remembered.
    """

    def __init__(self, limits: Limits, now: Callable[[], float], most: int = 20_000) -> None:
        self.new = Buckets(limits.new_per_second, limits.new_burst, now, most)
        """Connections that an address may still open."""
        self.datagrams = Buckets(limits.datagrams_per_second, limits.datagrams_burst, now, most)
        """Datagrams that an address may still send."""
        self.bytes = Buckets(limits.bytes_per_second, limits.bytes_burst, now, most)
        """Bytes that a sender, address and port, may still send in datagrams."""
        self.open: Counter[str] = Counter()

    def add(self, address: str) -> None:
        """A connection was opened."""
        self.open[address] += 1

    def remove(self, address: str) -> None:
        """A connection is gone."""
        self.open[address] -= 1
        if not self.open[address]:
            del self.open[address]


class Gate:
    """What one receiver lets in. It counts, since the start, what it let in and how many connections each limit cost."""

    def __init__(self, receiver: str, limits: Limits, addresses: Addresses, files: Files, now: Callable[[], float]) -> None:
        self.receiver = receiver
        self._files = files
        self._limits = limits
        self._addresses = addresses
        self.complaints = Complaints(receiver, terms(limits, None)[1], now)
        self.accepted = 0
        self.open = 0
        self.cost: Counter[Kind] = Counter()
        """Connections refused, closed or slowed, and datagrams dropped, by the limit that did it."""

    def allow(self, receiver: str, limits: Limits, names: Mapping[Kind, str]) -> None:
        """This is the receiver's name, and these are the limits, from now on; ``names`` has each by name and value."""
        self.receiver = self.complaints.receiver = receiver
        self._limits = limits
        self.complaints.limits = names

    def admit(self, host: str) -> bool:
        """Whether a connection from this host may come in; if so it is counted until ``leave``."""
        address = network(host)
        kind = self._exceeded(address)
        if kind is not None:
            self.charge(kind, host)
            return False
        self._addresses.add(address)
        self.accepted += 1
        self.open += 1
        return True

    def leave(self, host: str) -> None:
        """A connection that was let in is gone."""
        self._addresses.remove(network(host))
        self.open -= 1

    def hears(self, host: str, port: int, size: int) -> bool:
        """Whether a datagram of so many bytes from there is taken."""
        if not self._addresses.datagrams.take(network(host)):
            self.charge("datagrams", host)
            return False
        if not self._addresses.bytes.take((host, port), size):
            self.charge("datagram_bytes", host)
            return False
        return True

    def charge(self, kind: Kind, peer: str) -> None:
        """This limit cost ``peer`` its connection, or a datagram, or slowed it."""
        self.cost[kind] += 1
        self.complaints.hear(kind, peer)

    def _exceeded(self, address: str) -> Kind | None:
        limits = self._limits
        if 0 < limits.connections_receiver <= self.open:
            return "receiver"
        if 0 < limits.connections_address <= self._addresses.open.get(address, 0):
            return "address"
        if not self._addresses.new.take(address):
            return "rate"
        return None if self._files.is_left() else "files"


def network(host: str) -> str:
    """What counts as one address: an IPv4 address, an IPv6 network of 64 bits, anything else as it is."""
    if ":" not in host:
        return host
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped: IPv4Address | None = getattr(address, "ipv4_mapped", None)
    return str(mapped) if mapped else address.packed[:8].hex()
