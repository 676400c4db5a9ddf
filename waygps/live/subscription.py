"""Which vehicles one client wants to hear of."""

from __future__ import annotations


class Subscription:
    """All vehicles, until the first ``add``; from then on those that were added and not removed.

    A client that removes a vehicle while it hears of all goes on hearing of the others. At most ``most`` numbers are kept.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._all = True
        self._named: set[int] = set()
        """The vehicles that are wanted; while all are, the ones that are not."""

    def add(self, vehicle: int) -> None:
        """Want this vehicle. Raises ValueError at the bound."""
        if self._all:
            self._all = False
            self._named.clear()
        self._name(vehicle)

    def remove(self, vehicle: int) -> None:
        """Want this vehicle no more. Raises ValueError at the bound."""
        if self._all:
            self._name(vehicle)
        else:
            self._named.discard(vehicle)

    def wants(self, vehicle: int) -> bool:
        """Whether an update of this vehicle is to be sent."""
        return (vehicle in self._named) is not self._all

    def _name(self, vehicle: int) -> None:
        if vehicle not in self._named and len(self._named) >= self._most:
            raise ValueError(f"a client can name at most {self._most} vehicles; one without subscriptions hears of all")
        self._named.add(vehicle)
