"""A rectangle on the globe."""

from __future__ import annotations

from msgspec import Struct


class Area(Struct, frozen=True):
    """From south to north and from west to east, in degrees, with its borders; where west is greater, across the date line."""

    south: float
    west: float
    north: float
    east: float

    def contains(self, lat: float, lon: float) -> bool:
        """Whether this place is in it."""
        if not self.south <= lat <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= lon <= self.east
        return lon >= self.west or lon <= self.east
