"""Where parcels become durable: PostgreSQL while it is in reach, the spool while it is not, and back again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec.structs import replace
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import SpoolUnavailable, StoreUnavailable
from waygps.position import Parcel, Stored, Vehicle, set_apart
from waygps.storage.spool import Kept, Spool

LONGEST_PAUSE = 2.0
"""Seconds between two tries to reach PostgreSQL."""


class Writes(Protocol):
    """See waygps.storage.writer.ShardedWriter."""

    def write(self, parcel: Parcel) -> Deferred[Stored]: ...

    async def probe(self) -> None: ...


class Identifies(Protocol):
    """See waygps.storage.vehicles.Vehicles."""

    async def identify(self, imei: str) -> Vehicle | None: ...


Alert = Callable[[str, str], None]
"""Told of a change for the worse or the better: its kind (alert_type of a system_alert) and a text for people."""


class Store(Service):
    """The first parcel that PostgreSQL does not take in time goes to the spool, and all that follow, until one from there is
    stored. From then on live parcels go to PostgreSQL again, while the spool drains beside them, oldest first.

    A parcel from the spool may be in PostgreSQL already, where its statement's end was not heard: storing it again changes
    nothing.
    """

    _log = Logger()
    name = "store"

    def __init__(self, reactor: Any, writer: Writes, spool: Spool, vehicles: Identifies, alert: Alert) -> None:
        self._reactor = reactor
        self._writer = writer
        self._spool = spool
        self._vehicles = vehicles
        self._alert = alert
        self._room: list[Deferred[None]] = []
        self._wake: Deferred[None] | None = None
        self._draining: Deferred[None] | None = None
        self.is_away = False
        """Whether PostgreSQL counts as out of reach."""

    def startService(self) -> None:
        super().startService()
        self._spool.start()
        if self._spool.fixes:
            self._log.info("{fixes} fixes of an earlier run are in the spool", fixes=self._spool.fixes)
        self._draining = ensureDeferred(self._drain())
        self._draining.addErrback(lambda failure: failure.trap(CancelledError) and None)

    def stopService(self) -> None:
        super().stopService()
        if self._draining is not None:
            self._draining.cancel()
        self._spool.close()

    def write(self, parcel: Parcel) -> Deferred[Stored]:
        """Fires when the parcel is durable, in PostgreSQL or in the spool; waits while neither takes it."""
        if self.is_away or not parcel.vehicle.id:
            return ensureDeferred(self._keep(parcel))
        return self._writer.write(parcel).addErrback(self._eb_write, parcel)

    # -- into the spool

    def _eb_write(self, failure: Failure, parcel: Parcel) -> Deferred[Stored]:
        failure.trap(StoreUnavailable)
        self._lose(failure.value)
        return ensureDeferred(self._keep(parcel))

    def _lose(self, reason: BaseException | None) -> None:
        if not self.is_away:
            self.is_away = True
            self._log.warn("PostgreSQL is out of reach, fixes go to the spool: {reason}", reason=str(reason))
            self._alert("base_de_datos_fuera", "PostgreSQL is out of reach: positions are kept in the spool")
            self._rouse()

    async def _keep(self, parcel: Parcel) -> Stored:
        """Put it into the spool, or, while that is full, wait for room or for PostgreSQL, whichever comes first."""
        while True:
            try:
                await self._spool.append(parcel)
            except StoreUnavailable as error:
                self._complain(error)
            else:
                self._rouse()
                return Stored(len(parcel.positions), frozenset({parcel.vehicle.id} - {0}))
            await self._change()
            if not self.is_away and parcel.vehicle.id:
                return await self.write(parcel)

    def _complain(self, error: StoreUnavailable) -> None:
        if not self._room:
            self._log.critical("nothing is acknowledged until PostgreSQL is back or there is room: {error}", error=str(error))
            self._alert("cola_llena", "The spool is full and PostgreSQL out of reach: devices are not answered")
        self._rouse()

    def _change(self) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self._room.append(waiting)
        return waiting

    # -- out of the spool

    async def _drain(self) -> None:
        pauses = _pauses()
        while self.running:
            try:
                await self._step()
                pauses = _pauses()
            except StoreUnavailable as error:
                self._note(error)
                await deferLater(self._reactor, next(pauses))

    def _note(self, error: StoreUnavailable) -> None:
        if isinstance(error, SpoolUnavailable):
            self._log.error("{error}", error=str(error))
        else:
            self._lose(error)

    async def _step(self) -> None:
        if self.is_away and not self._spool.fixes:
            await self._writer.probe()
            self._regain()
        elif self._spool.fixes:
            await self._move(await self._spool.first())
            self._regain()
        else:
            self._wake = Deferred()
            await self._wake

    async def _move(self, kept: Sequence[Kept]) -> None:
        writing = [self._writer.write(await self._identified(each.parcel)) for each in kept]
        outcomes: list[tuple[bool, Any]] = await DeferredList(writing, consumeErrors=True)
        told = list(zip(kept, outcomes, strict=True))
        await self._spool.forget([each for each, (is_stored, _) in told if is_stored])
        for each, failure in [(each, outcome) for each, (is_stored, outcome) in told if not is_stored]:
            if failure.check(StoreUnavailable):
                failure.raiseException()
            self._log.failure("a parcel of {imei} cannot be stored", failure, imei=each.parcel.vehicle.imei)
            await self._spool.set_aside(each)
        if not self._spool.fixes:
            self._log.info("the spool is empty")
            await self._spool.tidy()

    async def _identified(self, parcel: Parcel) -> Parcel:
        """With the vehicle that this device has now: it may have been registered, or changed, meanwhile."""
        vehicle = await self._vehicles.identify(parcel.vehicle.imei)
        if vehicle is None:
            reason = f"device {parcel.vehicle.imei} is not in the table moviles any more"
            apart = [set_apart(position, reason, parcel.message) for position in parcel.positions]
            return Parcel(parcel.vehicle, (), (*parcel.refused, *apart), parcel.message)
        if vehicle == parcel.vehicle:
            return parcel
        return replace(parcel, vehicle=vehicle, positions=[replace(each, vehicle=vehicle) for each in parcel.positions])

    def _regain(self) -> None:
        """PostgreSQL takes fixes, and the spool may have room."""
        if self.is_away:
            self.is_away = False
            self._log.info("PostgreSQL is in reach again, {fixes} fixes are in the spool", fixes=self._spool.fixes)
            self._alert("base_de_datos_de_vuelta", "PostgreSQL is in reach again: the spool is being emptied")
        room, self._room = self._room, []
        for waiting in room:
            waiting.callback(None)

    def _rouse(self) -> None:
        waking, self._wake = self._wake, None
        if waking is not None:
            waking.callback(None)

    # -- for who watches

    def spooled(self) -> dict[str, float | int | bool]:
        """The state of the spool: fixes in it, seconds since the oldest came, whether it is full."""
        oldest = self._spool.oldest
        age = max(0.0, round(time.time() - oldest, 1)) if oldest else 0.0
        return {"fixes": self._spool.fixes, "antiguedad_s": age, "lleno": self._spool.is_full}


def _pauses() -> Any:
    pause = 0.05
    while True:
        yield pause
        pause = min(pause * 1.7, LONGEST_PAUSE)
