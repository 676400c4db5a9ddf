"""What waits: one slot a vehicle, one a vehicle's state, one a kind of alert; never a queue."""

from __future__ import annotations

from itertools import islice

from waygps.live.update import MOST_POINTS, Item, Update

Key = int | str


def status_key(vehicle: int) -> str:
    """The slot of this vehicle's state: not that of its position, as neither is to replace the other."""
    return f"estado {vehicle}"


class Slots:
    """The newest of each key. A vehicle keeps its turn; a state or an alert moves to the end, as the last one told is the truth.

    An update hands on what only the one before it said: its points, up to ``points`` of all vehicles together, and its alarm.
    """

    def __init__(self, points: int | None = None) -> None:
        self._items: dict[Key, Item] = {}
        self.points = points
        """The most points of all vehicles together; None: no bound."""
        self._points = 0
        self.replaced = 0
        """Items that a newer one overtook."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, key: Key, item: Item) -> None:
        """Keep this as the newest of its key."""
        older = self._items.get(key)
        self.replaced += older is not None
        if isinstance(item, Update):
            # Who reports is connected: what was said of its state before is no news any more.
            self._items.pop(status_key(item.vehicle), None)
            self._items[key] = self._merged(item, older)
        else:
            self._items.pop(key, None)
            self._items[key] = item

    def take(self, most: int | None = None) -> list[Item]:
        """The oldest of them, all without ``most``; they are gone."""
        keys = list(self._items) if most is None else list(islice(self._items, most))
        taken = [self._items.pop(key) for key in keys]
        self._points -= sum(len(item.trail) for item in taken if isinstance(item, Update))
        return taken

    def clear(self) -> None:
        """Nothing waits any more."""
        self._items.clear()
        self._points = 0

    def _merged(self, item: Update, older: Item | None) -> Update:
        known = older if isinstance(older, Update) else None
        kept = len(known.trail) if known else 0
        added = len(item.trail) + (known is not None)
        most = MOST_POINTS if self.points is None or self._points + added <= self.points else 0
        merged = item.after(known, most) if known else item
        if not most:
            merged = merged.alone()
        self._points += len(merged.trail) - kept
        return merged
