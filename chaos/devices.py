"""Devices as real ones: each keeps its records until they are acknowledged, and reports them again where they are not. Pure."""

from __future__ import annotations

from collections import deque
from random import Random

from msgspec import Struct

from waygps.fix import Fix, Message
from waygps.interfaces import IVendor, Transport
from waygps.simulation.route import Route

SECOND = 1000

Place = tuple[float, float]


class Report(Struct, frozen=True):
    """What is sent in one go, and the answers it is due: each with the number of fixes it answers for, oldest first."""

    data: bytes
    due: tuple[tuple[bytes, int], ...]

    @property
    def fixes(self) -> int:
        """How many there are in it."""
        return sum(fixes for _, fixes in self.due)


class Kind(Struct, frozen=True):
    """What a device speaks, and how it keeps its records."""

    vendor: IVendor
    transport: Transport
    most: int
    """The most fixes that it reports in one go."""
    keeps_reports: bool = False
    """Whether its memory holds whole reports, which are sent again as they were; otherwise fixes, in new reports each time."""


class Tracker:
    """One device and its memory. ``acknowledged`` is what it was told is stored: time of the fix (ms) -> latitude, longitude.

    ``start`` is the time of its first fix (ms since 1970 UTC, a whole second); each later one is a second on, so that no two
    have the same time. An answer counts only where it is, byte by byte, the one that the vendor's decoder has for the report.
    """

    def __init__(self, number: int, kind: Kind, start: int) -> None:
        self.imei = f"35800000{number:07d}"
        self.kind = kind
        self.name = f"{kind.vendor.name} {kind.transport} {self.imei}"
        self.random = Random(f"{self.imei} {start}")
        self.acknowledged: dict[int, Place] = {}
        encoder = kind.vendor.encoder(self.imei, kind.transport)
        assert encoder is not None, f"{kind.vendor.name} cannot be simulated"
        self._encoder = encoder
        self._route = Route(number)
        self._time = start
        self._records: deque[Fix] = deque()
        self._kept: Report | None = None

    def hello(self) -> Report:
        """What goes first on a new connection; no data where the protocol has no greeting."""
        data = self._encoder.hello()
        return Report(data, self._due(b"", data))

    def report(self) -> Report:
        """The oldest records that are not acknowledged, with new ones behind them, as many as the device likes."""
        if self._kept is not None and self._kept.fixes == len(self._records):
            return self._kept
        size = self.random.randint(1, self.kind.most)
        while len(self._records) < size:
            self._time += SECOND
            self._records.append(self._route.advance(1, self._time))
        data = self._encoder.report(tuple(self._records)[:size])
        report = Report(data, self._due(self._encoder.hello(), data))
        self._kept = report if self.kind.keeps_reports else None
        return report

    def forget(self, fixes: int) -> None:
        """The oldest so many records are acknowledged: they leave the memory."""
        for _ in range(fixes):
            fix = self._records.popleft()
            assert fix.time is not None
            self.acknowledged[fix.time] = fix.lat, fix.lon

    def _due(self, before: bytes, data: bytes) -> tuple[tuple[bytes, int], ...]:
        decoder = self.kind.vendor.decoder(self.kind.transport)
        list(decoder.feed(before))
        messages: list[Message] = [*decoder.feed(data), *decoder.end()]
        return tuple((message.reply, len(message.fixes)) for message in messages)
