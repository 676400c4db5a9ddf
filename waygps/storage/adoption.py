"""Stores what was captured of a device in quarantine once it is a vehicle, however it became one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from msgspec import json
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from waygps.errors import StoreUnavailable
from waygps.position import Parcel, Vehicle, reassigned
from waygps.storage.session import Row, Session

NEXT = """
SELECT c.id, m.id, m.imei, m.patente, c.parcela FROM cuarentena_mensajes c JOIN moviles m USING (imei)
WHERE NOT c.ilegible ORDER BY c.id LIMIT %s
"""
STORED = "DELETE FROM cuarentena_mensajes WHERE id = ANY(%s) RETURNING id"
UNREADABLE = "UPDATE cuarentena_mensajes SET ilegible = true WHERE id = %s RETURNING id"
FINISHED = """
DELETE FROM cuarentena c USING moviles m
WHERE m.imei = c.imei AND NOT EXISTS (SELECT FROM cuarentena_mensajes WHERE imei = c.imei) RETURNING c.imei
"""
# One process at a time: two would do no harm, but the work twice.
LOCK = "SELECT pg_try_advisory_lock(hashtext('waygps.cuarentena'))"
UNLOCK = "SELECT pg_advisory_unlock(hashtext('waygps.cuarentena'))"
AT_ONCE = 200
"""Messages that are stored at a time."""
LOOKING = 60
"""Seconds between two looks for what was captured just when its device was adopted."""

_decode = json.Decoder(Parcel).decode


class Stores(Protocol):
    """See waygps.pipeline.pipeline.Pipeline."""

    def store(self, parcel: Parcel) -> Deferred[Any]: ...


class AdoptionService(Service):
    """A captured message is forgotten when it is stored; storing it twice changes nothing."""

    _log = Logger()
    name = "adoption"

    def __init__(self, reactor: Any, session: Session, pipeline: Stores) -> None:
        self._session = session
        self._pipeline = pipeline
        self._looking = LoopingCall(self.look)
        self._looking.clock = reactor
        self._working: Deferred[None] | None = None
        self._is_wanted = False

    def startService(self) -> None:
        super().startService()
        self._session.listen("waygps_cuarentena", lambda imei: self.look())
        self._looking.start(LOOKING)

    def stopService(self) -> None:
        super().stopService()
        self._looking.stop()

    def look(self) -> None:
        """Store what there is to store; once more afterwards where that was asked meanwhile."""
        self._is_wanted = True
        if self._working is None and self.running:
            self._working = ensureDeferred(self._work())
            self._working.addErrback(self._eb_work).addBoth(self._cb_done)

    async def _work(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            ((is_mine,),) = await self._session.query(LOCK)
            if not is_mine:
                return
            try:
                await self._adopt()
            finally:
                await self._session.query(UNLOCK)

    async def _adopt(self) -> None:
        while rows := await self._session.query(NEXT, [AT_ONCE]):
            await self._store(rows)
        for (imei,) in await self._session.query(FINISHED):
            self._log.info("{imei} was adopted: what it sent before is stored", imei=imei)

    async def _store(self, rows: Sequence[Row]) -> None:
        numbers, storing = [], []
        for number, vehicle, imei, plate, body in rows:
            parcel = await self._read(number, bytes(body))
            if parcel is not None:
                numbers.append(number)
                storing.append(self._pipeline.store(reassigned(parcel, Vehicle(vehicle, imei, plate))))
        outcomes: list[tuple[bool, Any]] = await DeferredList(storing, consumeErrors=True)
        stored = [number for number, (is_stored, _) in zip(numbers, outcomes, strict=True) if is_stored]
        await self._session.query(STORED, [stored])
        for failure in [outcome for is_stored, outcome in outcomes if not is_stored]:
            failure.raiseException()

    async def _read(self, number: int, body: bytes) -> Parcel | None:
        try:
            return _decode(zlib.decompress(body))
        except (msgspec.MsgspecError, UnicodeError, RecursionError, zlib.error) as error:
            self._log.error("message {number} of cuarentena_mensajes cannot be read: {reason}", number=number, reason=str(error))
            await self._session.query(UNREADABLE, [number])
            return None

    def _eb_work(self, failure: Any) -> None:
        if not failure.check(StoreUnavailable):
            self._log.failure("what was captured of adopted devices waits", failure)

    def _cb_done(self, result: object) -> None:
        self._working = None
