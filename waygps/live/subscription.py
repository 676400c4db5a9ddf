"""Which vehicles one client hears of: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Hashable

from waygps.live.area import Area
from waygps.live.update import Item, Update

ALL = "all"


class Subscription:
    """All vehicles, until the first ``add`` or ``watch``; from then on those that were added, and those in the rectangle.

    A client that removes a vehicle while it hears of all goes on hearing of the others. At most ``most`` numbers are kept.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._all = True
        self._named: set[int] = set()
        """The vehicles that are wanted; while all are, the ones that are not."""
        self._area: Area | None = None
        self._inside: set[int] = set()
        """The vehicles that the client last heard of as being in the rectangle."""

    @property
    def audience(self) -> Hashable | None:
        """Equal for all clients that hear of the same; None for a selection of the client's own."""
        return ALL if self._all and not self._named else None

    def add(self, vehicle: int) -> None:
        """Want this vehicle. Raises ValueError at the bound."""
        self._narrow()
        self._name(vehicle)

    def remove(self, vehicle: int) -> None:
        """Want this vehicle no more, but for the rectangle's sake. Raises ValueError at the bound."""
        if self._all:
            self._name(vehicle)
        else:
            self._named.discard(vehicle)

    def watch(self, area: Area | None) -> None:
        """Want the vehicles in this rectangle, in place of the one before; None: in none."""
        self._narrow()
        self._area = area
        self._inside.clear()

    def widen(self) -> None:
        """Want all vehicles, as at the beginning."""
        self._all, self._area = True, None
        self._named.clear()
        self._inside.clear()

    def covers(self, update: Update) -> bool:
        """Whether the vehicle is one of those that are wanted; asking changes nothing."""
        is_named = (update.vehicle in self._named) is not self._all
        return is_named or (self._area is not None and self._area.contains(*update.place))

    def wants(self, item: Item) -> bool:
        """Whether this is to be sent; asked once for each. A vehicle that leaves the rectangle is told once more."""
        is_named = (item.vehicle in self._named) is not self._all
        if self._area is None:
            return is_named
        if isinstance(item, Update):
            return self._passes(item, self._area) or is_named
        return is_named or item.vehicle in self._inside

    def _passes(self, update: Update, area: Area) -> bool:
        """Whether it is in the rectangle, or was when the client last heard of it."""
        vehicle = update.vehicle
        was_inside = vehicle in self._inside
        if area.contains(*update.place):
            self._inside.add(vehicle)
            return True
        self._inside.discard(vehicle)
        return was_inside

    def _narrow(self) -> None:
        if self._all:
            self._all = False
            self._named.clear()

    def _name(self, vehicle: int) -> None:
        if vehicle not in self._named and len(self._named) >= self._most:
            raise ValueError(f"a client can name at most {self._most} vehicles; one without subscriptions hears of all")
        self._named.add(vehicle)
