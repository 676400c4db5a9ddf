"""Limits of device connections: how many may be open, and how fast new ones may come. All that is refused is counted and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address

from waygps.config import Limits
from waygps.ingest.complaints import Complaints, Kind


class Addresses:
    """What each address has open, on all receivers, and how many connections more it may open now.

    An IPv6 peer owns its /64 and counts as one address. At most ``most`` buckets are remembered; the one that was used least
    recently is forgotten first.
    """

    def __init__(self, limits: Limits, now: Callable[[], float], most: int = 20_000) -> None:
        self._rate, self._burst = limits.new_per_second, float(limits.new_burst)
        self._now = now
        self._most = most
        self._buckets: dict[str, tuple[float, float]] = {}
        """Connections that may still be opened, as of a moment of the clock."""
        self.open: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Whether the address may open one connection more; if so it counts as opened."""
        if not self._rate:
            return True
        now = self._now()
        left, since = self._buckets.pop(address, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        may = left >= 1
        self._buckets[address] = (left - may, now)
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return may

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

    def __init__(self, receiver: str, limits: Limits, addresses: Addresses, now: Callable[[], float]) -> None:
        self.receiver = receiver
        self._limits = limits
        self._addresses = addresses
        bounds: dict[Kind, float] = {
            "receiver": limits.connections_receiver,
            "address": limits.connections_address,
            "rate": limits.new_per_second,
            "first_message": limits.first_message,
            "idle": limits.idle,
        }
        self.complaints = Complaints(receiver, bounds, now)
        self.accepted = 0
        self.open = 0
        self.cost: Counter[Kind] = Counter()
        """Connections refused or closed, by the limit that did it."""

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

    def charge(self, kind: Kind, peer: str) -> None:
        """This limit cost ``peer`` its connection."""
        self.cost[kind] += 1
        self.complaints.hear(kind, peer)

    def _exceeded(self, address: str) -> Kind | None:
        limits = self._limits
        if 0 < limits.connections_receiver <= self.open:
            return "receiver"
        if 0 < limits.connections_address <= self._addresses.open.get(address, 0):
            return "address"
        return None if self._addresses.take(address) else "rate"


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
