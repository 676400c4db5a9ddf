"""What became of each vehicle's fixes since the counts were last taken."""

from __future__ import annotations

from msgspec import Struct


class Counts(Struct):
    """Fixes of one vehicle; ``received`` are all, the others are among them."""

    received: int = 0
    repeated: int = 0
    """Were in the history already."""
    late: int = 0
    """Older than the newest of the vehicle: for the history, not the current position."""
    future: int = 0
    """Ahead of the reception by more than is tolerated: set apart."""
    refused: int = 0
    """Set apart for another reason."""

    def add(self, other: Counts) -> None:
        """Count these too."""
        self.received += other.received
        self.repeated += other.repeated
        self.late += other.late
        self.future += other.future
        self.refused += other.refused


class Counters:
    """At most one entry a vehicle, whoever is counted between two takings."""

    def __init__(self) -> None:
        self._counts: dict[int, Counts] = {}

    def of(self, vehicle: int) -> Counts:
        """The counts of this vehicle, to be changed in place and not kept."""
        counts = self._counts.get(vehicle)
        if counts is None:
            counts = self._counts[vehicle] = Counts()
        return counts

    def repeat(self, vehicle: int, fixes: int) -> None:
        """So many fixes of this vehicle were in the history already."""
        self.of(vehicle).repeated += fixes

    def take(self) -> dict[int, Counts]:
        """All counts, and begin anew."""
        taken, self._counts = self._counts, {}
        return taken

    def give_back(self, taken: dict[int, Counts]) -> None:
        """These could not be written down: count them again."""
        for vehicle, counts in taken.items():
            self.of(vehicle).add(counts)
