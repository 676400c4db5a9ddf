"""One message on its way: identify -> validate -> enrich -> store -> tell the listeners."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import StoreUnavailable
from waygps.fix import Fix, Message, Vitals
from waygps.origin import Origin, Policy
from waygps.pipeline.clocks import Clocks
from waygps.pipeline.counting import Counters
from waygps.pipeline.quality import quality
from waygps.pipeline.validation import Limits, device_fault, fault, is_future, mended
from waygps.position import Parcel, Position, Refused, Stored, Vehicle, fingerprint, position, refused, unread


class Receipt(Struct, frozen=True):
    """What became of a message: ``accepted`` means that all of it is durable; otherwise ``reason`` says why it is refused."""

    accepted: bool
    reason: str = ""


class FindsVehicles(Protocol):
    """See waygps.storage.vehicles.Vehicles."""

    def find(self, imei: str, unknown: Policy) -> Vehicle | Deferred[Vehicle | None] | None: ...


class Writes(Protocol):
    """See waygps.storage.store.Store."""

    def write(self, parcel: Parcel) -> Deferred[Stored]: ...


class TakesVitals(Protocol):
    """See waygps.storage.vitals.VitalsService."""

    def note(self, vehicle: Vehicle, vitals: Vitals) -> None: ...

    def overtaken(self, vehicle: Vehicle, fix: Fix) -> None: ...


class Captures(Protocol):
    """See waygps.storage.quarantine.Quarantine."""

    def keep(self, parcel: Parcel) -> Deferred[str]: ...


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
        counters: Counters | None = None,
        now: Callable[[], float] = time.time,
        quarantine: Captures | None = None,
        vitals: TakesVitals | None = None,
    ) -> None:
        self._quarantine = quarantine
        self._vitals = vitals
        self._vehicles = vehicles
        self._writer = writer
        self._listeners = listeners
        self._limits = limits
        self._counters = counters or Counters()
        self._now = now
        self.clocks = Clocks()
        self._newest: dict[int, int] = {}
        """The newest moment received of each vehicle, milliseconds since 1970 UTC; at most one a vehicle, as below."""
        self._told: dict[int, int] = {}
        """The newest moment that the listeners were told of."""

    def submit(self, message: Message, origin: Origin, peer: str = "") -> Deferred[Receipt]:
        """Take a message that came from ``origin``, sent by ``peer`` (HOST:PORT), all the way."""
        if not message.device and not message.fixes:
            return succeed(ACCEPTED)  # nobody's, and nothing to store: it is only answered
        reason = device_fault(message.device)
        if reason:
            return succeed(Receipt(False, reason))
        vehicle = self._vehicles.find(message.device, origin.unknown)
        if isinstance(vehicle, Deferred):
            return vehicle.addCallback(self._cb_identified, message, origin, peer)
        return self._cb_identified(vehicle, message, origin, peer)

    def _cb_identified(self, vehicle: Vehicle | None, message: Message, origin: Origin, peer: str) -> Deferred[Receipt]:
        if vehicle is None:
            return self._unknown(message, origin, peer)
        if self._vitals is not None:
            self._say_vitals(self._vitals, vehicle, message)
        if not message.fixes and not message.unreadable:
            return succeed(ACCEPTED)
        return self.store(self._parcel(vehicle, message, origin, peer))

    def _say_vitals(self, vitals: TakesVitals, vehicle: Vehicle, message: Message) -> None:
        if message.fixes:
            vitals.overtaken(vehicle, message.fixes[-1])
        if message.vitals is not None:
            vitals.note(vehicle, message.vitals)

    def store(self, parcel: Parcel) -> Deferred[Receipt]:
        """Store what was judged already, and tell the listeners."""
        return self._writer.write(parcel).addCallback(self._cb_stored, parcel.vehicle, parcel.positions)

    def _unknown(self, message: Message, origin: Origin, peer: str) -> Deferred[Receipt]:
        if origin.unknown == "rechazar" or self._quarantine is None:
            return succeed(Receipt(False, f"device {message.device} is not in the table moviles"))
        parcel = self._parcel(Vehicle(0, message.device, None), message, origin, peer)
        keeping = self._quarantine.keep(parcel)
        return keeping.addCallbacks(lambda reason: Receipt(not reason, reason), self._eb_keep, errbackArgs=(parcel,))

    def _eb_keep(self, failure: Failure, parcel: Parcel) -> Deferred[Receipt]:
        """While PostgreSQL is out of reach the spool takes it, and asks again whose it is when it is back."""
        failure.trap(StoreUnavailable)
        if not parcel.positions and not parcel.refused:
            return succeed(ACCEPTED)
        return self.store(parcel)

    def _parcel(self, vehicle: Vehicle, message: Message, origin: Origin, peer: str) -> Parcel:
        positions, apart = self._judge(vehicle, message, origin.vendor)
        return Parcel(vehicle, positions, apart, message.raw, origin, peer)

    def _judge(self, vehicle: Vehicle, message: Message, protocol: str) -> tuple[list[Position], list[Refused]]:
        received = int(self._now() * 1000)
        skew = self._skew(vehicle, message, received)
        positions: list[Position] = []
        apart = [unread(message, received)] if message.unreadable else []
        for reported in message.fixes:
            reason = fault(reported, received, self._limits)
            if reason:
                apart.append(refused(message, reported, reason, received))
                continue
            fix, warnings = mended(reported)
            for warning in warnings:
                self._log.warn("{imei}: {reason}", imei=message.device, reason=warning)
            positions.append(position(vehicle, fix, quality(fix), protocol, received, fingerprint(reported), skew))
        self._count(vehicle, message, positions, received)
        if apart:
            first, count = apart[0].reason, len(apart)
            self._log.warn("{imei}: set apart: {first} ({count} in this message)", imei=message.device, first=first, count=count)
        return positions, apart

    def _skew(self, vehicle: Vehicle, message: Message, received: int) -> int:
        """Milliseconds by which the device's clock is known to be ahead."""
        times = [fix.time for fix in message.fixes if fix.time is not None]
        if not (times and vehicle.id):
            return 0
        before, skew = self.clocks.skew(vehicle.id), self.clocks.hear(vehicle.id, max(times), received)
        if skew and not before:
            self._log.warn("{imei}: its clock is off by {seconds} s", imei=message.device, seconds=skew // 1000)
        return skew

    def _count(self, vehicle: Vehicle, message: Message, positions: Sequence[Position], received: int) -> None:
        if not vehicle.id:
            return
        counts = self._counters.of(vehicle.id)
        counts.received += len(message.fixes)
        if len(positions) < len(message.fixes):
            future = sum(is_future(fix, received, self._limits) for fix in message.fixes)
            counts.future += future
            counts.refused += len(message.fixes) - len(positions) - future
        if positions:
            newest = self._newest.get(vehicle.id, 0)
            counts.late += sum([position.moment < newest for position in positions])
            self._newest[vehicle.id] = max(newest, max([position.moment for position in positions]))

    def _cb_stored(self, stored: Stored, vehicle: Vehicle, positions: Sequence[Position]) -> Receipt:
        if vehicle.id in stored.moved and positions and self._is_newest(vehicle, positions):
            for listener in self._listeners:
                self._tell(listener, vehicle, positions)
        return ACCEPTED

    def _is_newest(self, vehicle: Vehicle, positions: Sequence[Position]) -> bool:
        """Whether no listener heard of a later time: what moved a vehicle is a batch, which can hold older messages too."""
        newest = max(position.moment for position in positions)
        if newest < self._told.get(vehicle.id, newest):
            return False
        self._told[vehicle.id] = newest
        return True

    def _tell(self, listener: Listener, vehicle: Vehicle, positions: Sequence[Position]) -> None:
        try:
            listener(vehicle, positions)
        except Exception:  # a listener's fault stays its own: the fix is stored and will be acknowledged
            self._log.failure("{listener} failed on a position of {imei}", listener=listener, imei=vehicle.imei)
