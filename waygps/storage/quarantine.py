"""What devices that are not in ``moviles`` report, kept in PostgreSQL until someone adopts or discards them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from msgspec import json
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from waygps.config import Quarantine as Bounds
from waygps.position import Parcel
from waygps.storage.gathering import Gathering
from waygps.storage.session import Session

# The rows in the order of their devices, and of each device in the order of arrival: so two processes never wait for each other.
CAPTURE = """
SELECT capturar(imei, protocolo, receptor, origen, fixes, mensaje, parcela, lat, lon, %s, %s, %s, %s)
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::bytea[], %s::bytea[], %s::numeric[], %s::numeric[])
     AS t (imei, protocolo, receptor, origen, fixes, mensaje, parcela, lat, lon)
"""
AT_ONCE = 500
"""Fixes in one statement."""
AGAIN = 60.0
"""Seconds after which a device that says nothing worth keeping is noted once more."""
MOST_SEEN = 10_000

encode = json.Encoder().encode


class Quarantine:
    """Takes parcels of unknown devices, within ``bounds``. One that is told "" is durable and may be acknowledged."""

    _log = Logger()

    def __init__(self, session: Session, bounds: Bounds, now: Callable[[], float]) -> None:
        self._session = session
        self._bounds = bounds
        self._now = now
        self._polite = Gathering(self._capture, AT_ONCE)
        self._forced = Gathering(self._capture_by_force, AT_ONCE)
        self._seen: dict[str, float] = {}

    def keep(self, parcel: Parcel) -> Deferred[str]:
        """Fires with "" when the parcel is committed, or with the reason why there is no room; StoreUnavailable: it is not known.

        A parcel with nothing in it, a login or a heartbeat, only shows that the device is there.
        """
        if not _is_worth(parcel) and not self._is_news(parcel.vehicle.imei):
            return succeed("")
        return self._polite.put(parcel).addCallback(lambda reasons: reasons[id(parcel)])

    def take_over(self, parcel: Parcel) -> Deferred[str]:
        """Keep what was acknowledged already, whatever the bounds."""
        return self._forced.put(parcel).addCallback(lambda reasons: reasons[id(parcel)])

    def _is_news(self, imei: str) -> bool:
        now = self._now()
        if now - self._seen.get(imei, -AGAIN) < AGAIN:
            return False
        if len(self._seen) >= MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        self._seen[imei] = now
        return True

    async def _capture(self, parcels: Sequence[Parcel], *, forced: bool = False) -> dict[int, str]:
        ordered = sorted(parcels, key=lambda parcel: parcel.vehicle.imei)
        bounds = (self._bounds.most_devices, self._bounds.most_messages, self._bounds.most_mb * 2**20, forced)
        columns = zip(*map(_row, ordered), strict=True)
        answers = await self._session.query(CAPTURE, [*bounds, *map(list, columns)])
        reasons = {id(parcel): reason for parcel, (reason,) in zip(ordered, answers, strict=True)}
        for parcel in ordered:
            if not reasons[id(parcel)] and parcel.vehicle.imei not in self._seen:
                self._say(parcel)
        return reasons

    async def _capture_by_force(self, parcels: Sequence[Parcel]) -> dict[int, str]:
        return await self._capture(parcels, forced=True)

    def _say(self, parcel: Parcel) -> None:
        if self._is_news(parcel.vehicle.imei):
            self._log.info(
                "{vendor} device {imei} at {peer} is unknown: it is in quarantine. To accept it: waygps quarantine adopt {imei}",
                vendor=parcel.origin.vendor,
                imei=parcel.vehicle.imei,
                peer=parcel.peer,
            )


def _is_worth(parcel: Parcel) -> bool:
    return bool(parcel.positions or parcel.refused)


def _row(parcel: Parcel) -> tuple[object, ...]:
    place = next((position.fix for position in reversed(parcel.positions) if position.fix.valid), None)
    who = (parcel.vehicle.imei, parcel.origin.vendor, parcel.origin.receiver, parcel.peer, len(parcel.positions))
    kept = (parcel.message, zlib.compress(encode(parcel), 1)) if _is_worth(parcel) else (None, None)
    return (*who, *kept, place and round(place.lat, 6), place and round(place.lon, 6))
