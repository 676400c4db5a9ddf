"""Out of the spool into PostgreSQL, in the order in which it came."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred, DeferredList, ensureDeferred
from twisted.logger import Logger

from waygps.errors import StoreUnavailable
from waygps.origin import Policy
from waygps.position import Parcel, Stored, Vehicle, reassigned, set_apart
from waygps.storage.spool import Kept, Spool


class Writes(Protocol):
    """See waygps.storage.writer.ShardedWriter."""

    def write(self, parcel: Parcel) -> Deferred[Stored]: ...

    async def probe(self) -> None: ...


class Identifies(Protocol):
    """See waygps.storage.vehicles.Vehicles."""

    async def identify(self, imei: str, unknown: Policy) -> Vehicle | None: ...


class TakesOver(Protocol):
    """See waygps.storage.quarantine.Quarantine."""

    def take_over(self, parcel: Parcel) -> Deferred[str]: ...


class Replay:
    """Writes parcels of the spool as if they came just now, and has them forgotten once they are stored."""

    _log = Logger()

    def __init__(self, writer: Writes, spool: Spool, vehicles: Identifies, quarantine: TakesOver) -> None:
        self._quarantine = quarantine
        self._writer = writer
        self._spool = spool
        self._vehicles = vehicles

    async def step(self) -> None:
        """Move the oldest. StoreUnavailable: PostgreSQL, or the spool, did not take part."""
        kept = await self._spool.first()
        writing = [ensureDeferred(self._write(each.parcel)) for each in kept]
        outcomes: list[tuple[bool, Any]] = await DeferredList(writing, consumeErrors=True)
        told = list(zip(kept, outcomes, strict=True))
        await self._spool.forget([each for each, (is_stored, _) in told if is_stored])
        for each, failure in [(each, outcome) for each, (is_stored, outcome) in told if not is_stored]:
            if failure.check(StoreUnavailable, CancelledError):
                failure.raiseException()
            await self._move_alone(each)
        if not self._spool.fixes:
            self._log.info("the spool is empty")
            await self._spool.tidy()

    async def _move_alone(self, kept: Kept) -> None:
        """Again, by itself: it may have been another one of its batch that cannot be stored."""
        try:
            await self._write(kept.parcel)
        except (StoreUnavailable, CancelledError):
            raise
        except Exception:  # whatever it is, the others are not to wait for this one
            self._log.failure("a parcel of {imei} cannot be stored", imei=kept.parcel.vehicle.imei)
            await self._spool.set_aside(kept)
        else:
            await self._spool.forget([kept])

    async def _write(self, parcel: Parcel) -> Stored:
        return await self._writer.write(await self.identified(parcel))

    async def identified(self, parcel: Parcel) -> Parcel:
        """With the vehicle that this device has now: it may have been registered, or changed, meanwhile.

        What is acknowledged of a device that is nobody's is in quarantine then, and nothing is left to store.
        """
        vehicle = await self._vehicles.identify(parcel.vehicle.imei, parcel.origin.unknown)
        if vehicle is not None:
            return reassigned(parcel, vehicle)
        if parcel.origin.unknown == "cuarentena":
            await self._quarantine.take_over(parcel)
            return replace(parcel, positions=(), refused=())
        reason = f"device {parcel.vehicle.imei} is not in the table moviles any more"
        apart = [set_apart(position, reason, parcel.message) for position in parcel.positions]
        return replace(parcel, positions=(), refused=(*parcel.refused, *apart))
