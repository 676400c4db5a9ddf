"""The fleet and the wire, on an event loop of their own in a thread, so that a round can be told from top to bottom."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from random import Random
from threading import Thread
from typing import Any, TypeVar

from chaos.devices import SECOND, Kind, Tracker
from chaos.driving import drive
from protocols.generic import generic
from protocols.queclink import queclink
from protocols.teltonika import teltonika

T = TypeVar("T")
DAY = 86_400 * SECOND
KINDS = (
    Kind(teltonika, "tcp", 100),
    Kind(teltonika, "udp", 20),
    Kind(queclink, "tcp", 15, keeps_reports=True),
    Kind(queclink, "udp", 15, keeps_reports=True),
    Kind(generic, "tcp", 10),
    Kind(generic, "udp", 1),
)
"""What the devices are. A datagram of the generic protocol has one line: its answers do not say which line they are for."""


def trackers(devices: int, now: int) -> list[Tracker]:
    """So many devices of all kinds. Their fixes begin 31 to 60 days before ``now`` (ms), in months that have no partition yet."""
    midnight = now // DAY * DAY
    starts = [midnight - Random(number).randint(31 * 86_400, 60 * 86_400) * SECOND for number in range(devices)]
    return [Tracker(number, KINDS[number % len(KINDS)], start) for number, start in enumerate(starts)]


class Loop:
    """An asyncio loop in a thread; everything on it is called from outside."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns."""
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(30)

    def close(self) -> None:
        """End what still runs on it, and the thread."""
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Fleet:
    """The devices, reporting or at rest. What they remember outlasts the rounds, as it does in a real one."""

    def __init__(self, loop: Loop, crowd: list[Tracker], ports: Mapping[str, int]) -> None:
        self.trackers = crowd
        self._loop = loop
        self._ports = ports
        self._driving: list[asyncio.Task[None]] = []

    @property
    def acknowledged(self) -> int:
        """Fixes acknowledged until now."""
        return sum(len(tracker.acknowledged) for tracker in self.trackers)

    def start(self, pace: float) -> None:
        """Begin to report, each device about every ``pace`` seconds."""
        self._loop.run(self._start(pace))

    def stop(self) -> None:
        """Fall silent, as if all drove into a tunnel; what was not answered is sent in the next round."""
        self._loop.run(self._stop())

    async def _start(self, pace: float) -> None:
        self._driving = [
            asyncio.create_task(drive(tracker, self._ports[tracker.kind.vendor.name], pace)) for tracker in self.trackers
        ]

    async def _stop(self) -> None:
        driving, self._driving = self._driving, []
        for task in driving:
            task.cancel()
        for outcome in await asyncio.gather(*driving, return_exceptions=True):
            if not isinstance(outcome, asyncio.CancelledError) and isinstance(outcome, BaseException):
                raise outcome  # a fault of the device's own would otherwise look like a quiet server
