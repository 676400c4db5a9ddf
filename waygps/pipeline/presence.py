"""Which devices are connected, gone or in error, from what is heard of them. Pure but for the connections that it displaces.

``conectado``: a message came lately. ``error``: the last one could not be read, which the next good one mends. ``desconectado``:
the connection is gone for GRACE seconds and the device came by no other way since, or it is silent for longer than it usually is:
FACTOR times the median of its last intervals, at least ``silence``. An open connection does not count against silence: one whose
device lost the network stays open for hours. A device that hangs up after each report is not gone between two of them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from math import ceil, inf
from statistics import median_low
from typing import Protocol

from msgspec import Struct
from twisted.logger import Logger

CONNECTED, GONE, ERROR = "conectado", "desconectado", "error"
REPEATED = "identidad_repetida"
"""Kind of the alert about two devices with one identification."""

GRACE = 5
"""Seconds that a device has to connect anew."""
FACTOR, INTERVALS, BURST = 3, 5, 10
"""So many median intervals of the last so many; messages less than so many seconds apart are one report in pieces."""
CALLS, BRIEF = 3, 60
"""After so many connections of less than so many seconds each a device counts as one that hangs up."""
TIMES, WITHIN = 3, 600
"""Connections that displace each other so often within so many seconds belong to two devices."""
ROUND = 30
"""Seconds in which every device is looked at once, whether or not anything was heard of it."""


class Connection(Protocol):
    """What carries the messages of a device, or of several."""

    peer: str

    def displaced(self, device: str) -> None:
        """A newer connection speaks for this device: close, unless it carries others too."""


class _Device(Struct):
    last: float
    """When it was heard last; for one that an earlier run knew, when this one learned of it."""
    state: str = ""
    connection: Connection | None = None
    opened: float = 0
    gone: float | None = None
    """When its last connection ended; None while one is open, or where there was none."""
    calls: int = 0
    good: bool = True
    intervals: tuple[int, ...] = ()
    displacements: tuple[float, ...] = ()
    alerted: float = -inf
    """When it was said last that two devices share this identification."""
    is_elsewhere: bool = False
    """Another process hears it, and judges its state."""
    is_inherited: bool = True
    """It was not heard by this process yet: what is known of it is an earlier run's."""


class Presence:
    """The devices heard of, at most ``most``: of more the one known longest is forgotten, and keeps the state that is written.

    ``silence``: seconds. ``alert(kind, text)`` is told of an identification that two devices share. ``seconds`` is a clock that
    nobody sets, or a correction by an hour would show a whole fleet as gone. ``announce(name, peer)`` tells the other processes
    that the device is here now.
    """

    _log = Logger()

    def __init__(
        self,
        silence: float = 600,
        alert: Callable[[str, str], None] = lambda kind, text: None,
        most: int = 100_000,
        seconds: Callable[[], float] = time.monotonic,
        announce: Callable[[str, str], None] = lambda name, peer: None,
    ) -> None:
        self._announce = announce
        self._silence = silence
        self._alert = alert
        self._most = most
        self._seconds = seconds
        self.heard: dict[str, bool] = {}
        """Who sent a message since the last tick, and whether the newest could be read: all that is done for each message."""
        self._devices: dict[str, _Device] = {}
        self._hung_up: deque[tuple[str, float]] = deque()
        self._steps = max(1, int(min(ROUND, silence / 10)))
        self._round: list[str] = []
        self._step = 1

    def claim(self, name: str, connection: Connection) -> None:
        """This connection carries the device from now on; another one that did so is displaced."""
        device, now = self._device(name), self._seconds()
        older, device.connection = device.connection, connection
        device.opened, device.gone = now, None
        self._take(name, device, connection.peer)
        if older is not None and older is not connection:
            self._count(name, device, (older.peer, connection.peer), now)
            older.displaced(name)

    def release(self, name: str, connection: Connection) -> None:
        """This connection is gone; nothing happens where a newer one took the device over."""
        device = self._devices.get(name)
        if device is None or device.connection is not connection:
            return
        now = self._seconds()
        device.connection, device.gone = None, now
        device.calls = device.calls + 1 if now - device.opened < BRIEF else 0
        self._hung_up.append((name, now))

    def taken(self, name: str, peer: str) -> None:
        """Another process has the device now, at ``peer``: a connection that it has here is displaced."""
        device = self._devices.get(name)
        if device is None:
            return
        device.is_elsewhere = True
        older, device.connection = device.connection, None
        if older is not None:
            self._count(name, device, (older.peer, peer), self._seconds())
            older.displaced(name)

    def inherit(self, states: Mapping[str, str]) -> None:
        """An earlier run left these devices in these states: they stay so for ``silence`` unless something is heard of them."""
        for name, state in states.items():
            if name not in self._devices:
                device = self._device(name)
                device.state, device.good = state, state != ERROR

    def tick(self) -> dict[str, str]:
        """The new states of the devices whose state changed; to be asked once a second."""
        now, changes = self._seconds(), dict[str, str]()
        heard, self.heard = self.heard, {}
        heard.pop("", None)
        for name, good in heard.items():
            device = self._device(name)
            if device.is_inherited or device.is_elsewhere:
                self._take(name, device, "")
            self._note(device, good, now)
        for names in (heard, self._over_grace(now), self._slice()):
            for name in names:
                self._judge(name, now, changes)
        return changes

    def absent(self) -> dict[str, str]:
        """The devices that are not connected, with their states."""
        known = self._devices.items()
        return {name: device.state for name, device in known if device.state in (GONE, ERROR) and not device.is_elsewhere}

    def is_inherited(self, name: str) -> bool:
        """Whether what is known of the device is an earlier run's: another process may know better."""
        device = self._devices.get(name)
        return device is None or device.is_inherited

    def _take(self, name: str, device: _Device, peer: str) -> None:
        device.is_inherited = device.is_elsewhere = False
        self._announce(name, peer)

    def _device(self, name: str) -> _Device:
        device = self._devices.get(name)
        if device is None:
            if len(self._devices) >= self._most:
                del self._devices[next(iter(self._devices))]
            device = self._devices[name] = _Device(self._seconds())
        return device

    def _count(self, name: str, device: _Device, peers: tuple[str, str], now: float) -> None:
        times = (*(each for each in device.displacements if now - each < WITHIN), now)
        if len(times) >= TIMES and now - device.alerted >= WITHIN:
            device.alerted = now
            text = f"Two devices seem to report as {name}, from {peers[0]} and from {peers[1]}: each displaces the other"
            self._log.warn("{text}", text=text)
            self._alert(REPEATED, text)
        device.displacements = times[-TIMES:]

    def _note(self, device: _Device, good: bool, now: float) -> None:
        interval = int(now - device.last)
        if interval >= BURST:
            device.intervals = (*device.intervals, interval)[-INTERVALS:]
        device.last, device.good = now, good

    def _judge(self, name: str, now: float, changes: dict[str, str]) -> None:
        device = self._devices.get(name)
        if device is None or device.is_elsewhere:
            return
        state = self._state(device, now)
        if state != device.state:
            device.state = changes[name] = state

    def _state(self, device: _Device, now: float) -> str:
        silent = now - device.last
        if silent > self._silence and silent > FACTOR * _usual(device.intervals):
            return GONE
        if not device.good:
            return ERROR
        return GONE if _hung_up(device, now) else CONNECTED

    def _over_grace(self, now: float) -> Iterator[str]:
        while self._hung_up and now - self._hung_up[0][1] >= GRACE:
            yield self._hung_up.popleft()[0]

    def _slice(self) -> list[str]:
        if not self._round:
            self._round = list(self._devices)
            self._step = max(1, ceil(len(self._round) / self._steps))
        part = self._round[-self._step :]
        del self._round[-self._step :]
        return part


def _usual(intervals: tuple[int, ...]) -> int:
    """The median in seconds; 0 while there are too few to know."""
    return median_low(intervals) if len(intervals) >= 3 else 0


def _hung_up(device: _Device, now: float) -> bool:
    """Whether the connection's end says that the device is gone. What is stored a little after the end came before it."""
    if device.gone is None or device.calls >= CALLS:
        return False
    return now - device.gone >= GRACE and device.last <= device.gone + GRACE
