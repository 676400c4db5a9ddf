"""One message on its way: identify -> validate -> enrich -> store -> tell the listeners."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from waygps.fix import Message
from waygps.pipeline.quality import quality
from waygps.pipeline.validation import Limits, device_fault, fault, mended
from waygps.position import Position, Refused, Stored, Vehicle, fingerprint, position, refused, unread


class Receipt(Struct, frozen=True):
    """What became of a message: ``accepted`` means that all of it is durable; otherwise ``reason`` says why it is refused."""

    accepted: bool
    reason: str = ""


class FindsVehicles(Protocol):
    """See waygps.storage.vehicles.Vehicles."""

    def find(self, imei: str) -> Vehicle | Deferred[Vehicle | None] | None: ...


class Writes(Protocol):
    """See waygps.storage.writer.ShardedWriter."""

    def write(self, vehicle: int, positions: Sequence[Position], refused: Sequence[Refused]) -> Deferred[Stored]: ...


Listener = Callable[[Vehicle, Sequence[Position]], None]
"""Called after the commit with the positions of one message, when they moved the vehicle's current state."""

ACCEPTED = Receipt(True)
BELIEVED = Limits()


class Pipeline:
    """The stages in order. A Deferred that fires means durable; one that fails (the server stops) means: answer nothing."""

    _log = Logger()

    def __init__(
        self,
        vehicles: FindsVehicles,
        writer: Writes,
        listeners: Sequence[Listener] = (),
        limits: Limits = BELIEVED,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._vehicles = vehicles
        self._writer = writer
        self._listeners = listeners
        self._limits = limits
        self._now = now
        self._told: dict[int, int] = {}
        """The newest time told of each vehicle, milliseconds since 1970 UTC; at most one a vehicle."""

    def submit(self, message: Message, protocol: str) -> Deferred[Receipt]:
        """Take a message decoded by ``protocol`` all the way."""
        if not message.device and not message.fixes:
            return succeed(ACCEPTED)  # nobody's, and nothing to store: it is only answered
        reason = device_fault(message.device)
        if reason:
            return succeed(Receipt(False, reason))
        vehicle = self._vehicles.find(message.device)
        if isinstance(vehicle, Deferred):
            return vehicle.addCallback(self._cb_identified, message, protocol)
        return self._cb_identified(vehicle, message, protocol)

    def _cb_identified(self, vehicle: Vehicle | None, message: Message, protocol: str) -> Deferred[Receipt]:
        if vehicle is None:
            return succeed(Receipt(False, f"device {message.device} is not in the table moviles"))
        if not message.fixes and not message.unreadable:
            return succeed(ACCEPTED)
        positions, apart = self._judge(vehicle, message, protocol)
        storing = self._writer.write(vehicle.id, positions, apart)
        return storing.addCallback(self._cb_stored, vehicle, positions)

    def _judge(self, vehicle: Vehicle, message: Message, protocol: str) -> tuple[list[Position], list[Refused]]:
        received = int(self._now() * 1000)
        positions: list[Position] = []
        apart = [unread(message, received)] if message.unreadable else []
        for reported in message.fixes:
            reason = fault(reported, received, self._limits)
            if reason:
                apart.append(refused(message, reported, reason, received))
                self._log.warn("{imei}: a fix is set apart: {reason}", imei=message.device, reason=reason)
                continue
            fix, warnings = mended(reported)
            for warning in warnings:
                self._log.warn("{imei}: {reason}", imei=message.device, reason=warning)
            positions.append(position(vehicle, fix, quality(fix), protocol, received, fingerprint(reported)))
        return positions, apart

    def _cb_stored(self, stored: Stored, vehicle: Vehicle, positions: Sequence[Position]) -> Receipt:
        if vehicle.id in stored.moved and positions and self._is_newest(vehicle, positions):
            for listener in self._listeners:
                self._tell(listener, vehicle, positions)
        return ACCEPTED

    def _is_newest(self, vehicle: Vehicle, positions: Sequence[Position]) -> bool:
        """Whether no listener heard of a later time: what moved a vehicle is a batch, which can hold older messages too."""
        newest = max(position.time for position in positions)
        if newest < self._told.get(vehicle.id, newest):
            return False
        self._told[vehicle.id] = newest
        return True

    def _tell(self, listener: Listener, vehicle: Vehicle, positions: Sequence[Position]) -> None:
        try:
            listener(vehicle, positions)
        except Exception:  # a listener's fault stays its own: the fix is stored and will be acknowledged
            self._log.failure("{listener} failed on a position of {imei}", listener=listener, imei=vehicle.imei)
