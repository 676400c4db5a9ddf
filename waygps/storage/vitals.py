"""What messages without a position say of their vehicles - ignition, battery - into ``moviles``: a batch a second at most."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from msgspec.structs import asdict, replace
from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from waygps.errors import StoreUnavailable
from waygps.fix import Fix, Vitals
from waygps.position import Vehicle
from waygps.storage.session import Session

# As the states of connections are written: a row that the store holds is passed over and tried again.
WRITE = """
WITH nuevos AS MATERIALIZED (
    SELECT * FROM unnest(%s::int[], %s::boolean[], %s::smallint[]) AS n (id, ignicion, bateria)
), libres AS MATERIALIZED (
    SELECT n.* FROM nuevos n JOIN moviles m USING (id) FOR NO KEY UPDATE OF m SKIP LOCKED
), escritos AS (
    UPDATE moviles m
    SET ignicion = coalesce(l.ignicion, m.ignicion), bateria_porcentaje = coalesce(l.bateria, m.bateria_porcentaje),
        ultima_actualizacion = now()
    FROM libres l WHERE m.id = l.id
)
SELECT m.id FROM nuevos n JOIN moviles m USING (id) LEFT JOIN libres l USING (id) WHERE l.id IS NULL
"""
BATCH = 1000
"""Vehicles in one statement."""

Tell = Callable[[int, Vitals], None]
"""Told of a vehicle (id) what is written of it."""
Alarm = Callable[[Vehicle, str], None]
"""Told of a vehicle's alarm (one of waygps.events) that came without a position."""


class VitalsService(Service):
    """Keeps the newest word of each vehicle until it is written; a fix that says the same things replaces it."""

    _log = Logger()
    name = "vitals"

    def __init__(self, reactor: Any, session: Session, tell: Tell, alarm: Alarm) -> None:
        self._session = session
        self._tell = tell
        self._alarm = alarm
        self._waiting: dict[int, Vitals] = {}
        self._writing: Deferred[None] | None = None
        self._beating = LoopingCall(self.beat)
        self._beating.clock = reactor

    def startService(self) -> None:
        super().startService()
        self._beating.start(1)

    def stopService(self) -> None:
        super().stopService()
        self._beating.stop()

    def note(self, vehicle: Vehicle, vitals: Vitals) -> None:
        """Take what a message says of its vehicle; at most one a vehicle waits."""
        if vitals.alarm is not None:
            self._alarm(vehicle, vitals.alarm)
        if vehicle.id and (vitals.ignition is not None or vitals.battery_pct is not None):
            said = {name: value for name, value in asdict(vitals).items() if value is not None}
            self._waiting[vehicle.id] = replace(self._waiting.get(vehicle.id, Vitals()), **said)

    def overtaken(self, vehicle: Vehicle, fix: Fix) -> None:
        """A newer fix says what was to be written."""
        waiting = self._waiting.get(vehicle.id)
        if waiting is not None:
            known = {name: None for name in ("ignition", "battery_pct") if getattr(fix, name) is not None}
            self._waiting[vehicle.id] = replace(waiting, **known)

    def beat(self) -> None:
        """Write what waits, unless an earlier writing still goes on."""
        if self._waiting and self._writing is None:
            self._writing = ensureDeferred(self._write())
            self._writing.addErrback(self._eb_write).addBoth(self._cb_written)

    async def _write(self) -> None:
        batch = {number: self._waiting.pop(number) for number in list(islice(self._waiting, BATCH))}
        try:
            held = await self._session.query(WRITE, _columns(batch))
        except StoreUnavailable:
            self._waiting = {**batch, **self._waiting}
            return
        for (number,) in held:
            self._waiting.setdefault(number, batch.pop(number))
        for number, vitals in batch.items():
            self._tell(number, vitals)

    def _eb_write(self, failure: Any) -> None:
        self._log.failure("what messages without a position said is not written", failure)

    def _cb_written(self, result: object) -> None:
        self._writing = None


def _columns(batch: dict[int, Vitals]) -> list[list[Any]]:
    return [list(batch), [vitals.ignition for vitals in batch.values()], [vitals.battery_pct for vitals in batch.values()]]
