"""Writes the counts of each vehicle, and how far its clock is off, into contadores_moviles, once a minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from waygps.errors import StoreUnavailable
from waygps.pipeline.counting import Counters, Counts
from waygps.storage.session import Session

WRITE = """
INSERT INTO contadores_moviles AS c (movil_id, recibidos, repetidos, tardios, futuros, rechazados, desfase_reloj_s)
SELECT n.* FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[])
    AS n (movil_id, recibidos, repetidos, tardios, futuros, rechazados, desfase) JOIN moviles m ON m.id = n.movil_id
ON CONFLICT (movil_id) DO UPDATE
SET recibidos = c.recibidos + excluded.recibidos, repetidos = c.repetidos + excluded.repetidos,
    tardios = c.tardios + excluded.tardios, futuros = c.futuros + excluded.futuros,
    rechazados = c.rechazados + excluded.rechazados,
    desfase_reloj_s = coalesce(excluded.desfase_reloj_s, c.desfase_reloj_s), actualizado = now()
"""
MINUTE = 60
LAST = 1.0
"""Seconds that the last writing has at a stop."""


class Tally(Service):
    """While PostgreSQL is away the counts wait in memory; a killed server loses those of its last minute."""

    _log = Logger()
    name = "tally"

    def __init__(self, reactor: Any, session: Session, counters: Counters, offset: Callable[[int], int | None]) -> None:
        self._reactor = reactor
        self._session = session
        self._counters = counters
        self._offset = offset
        self._writing = LoopingCall(self.write)
        self._writing.clock = reactor

    def startService(self) -> None:
        super().startService()
        self._writing.start(MINUTE, now=False)

    async def stopService(self) -> None:
        super().stopService()
        self._writing.stop()
        # Figures are not worth waiting for a database that hangs.
        limit: Deferred[None] = deferLater(self._reactor, LAST)
        await DeferredList([ensureDeferred(self.write()), limit], fireOnOneCallback=True, consumeErrors=True)
        limit.cancel()

    async def write(self) -> None:
        """Write down what was counted since the last time."""
        taken = self._counters.take()
        if not taken:
            return
        try:
            await self._session.execute(WRITE, self._columns(taken))
        except StoreUnavailable as error:
            self._log.debug("the counts wait: {reason}", reason=str(error))
            self._counters.give_back(taken)
        except Exception:  # figures are not worth stopping for
            self._log.failure("the counts of {vehicles} vehicles are lost", vehicles=len(taken))

    def _columns(self, taken: dict[int, Counts]) -> list[list[Any]]:
        offsets = [self._offset(vehicle) for vehicle in taken]
        counts = list(taken.values())
        return [
            list(taken),
            [each.received for each in counts],
            [each.repeated for each in counts],
            [each.late for each in counts],
            [each.future for each in counts],
            [each.refused for each in counts],
            [None if offset is None else _whole_seconds(offset) for offset in offsets],
        ]


def _whole_seconds(milliseconds: int) -> int:
    """As the column holds it: a clock from another century is not off by more."""
    return max(-(2**31), min(2**31 - 1, round(milliseconds / 1000)))
