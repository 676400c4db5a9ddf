"""Writes the states of the devices into ``moviles.estado_conexion``, and tells the browsers: a batch a second at most."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from waygps.errors import StoreUnavailable
from waygps.pipeline.presence import Presence
from waygps.storage.session import Session

# A row that the store is writing right now is passed over and tried again: who never waits while he holds locks is no part of
# a deadlock, and the one who was would be the store. The answer: the vehicles that are there, and whether their row was free.
WRITE = """
WITH nuevos AS MATERIALIZED (
    SELECT n.* FROM unnest(%s::text[], %s::text[], %s::boolean[]) AS n (imei, estado, heredado) JOIN moviles m USING (imei)
    WHERE NOT heredado OR m.ultima_actualizacion < now() - %s * interval '1 second'
), libres AS MATERIALIZED (
    SELECT m.id, n.estado FROM nuevos n JOIN moviles m USING (imei) FOR NO KEY UPDATE OF m SKIP LOCKED
), escritos AS (
    UPDATE moviles m SET estado_conexion = l.estado FROM libres l WHERE m.id = l.id AND m.estado_conexion <> l.estado
)
SELECT m.id, n.imei, n.estado, l.id IS NOT NULL FROM nuevos n JOIN moviles m USING (imei) LEFT JOIN libres l ON l.id = m.id
"""
INHERIT = """
SELECT imei, estado_conexion FROM moviles WHERE estado_conexion <> 'desconectado' ORDER BY ultima_actualizacion DESC LIMIT %s
"""
DIFFERENT = """
SELECT imei FROM unnest(%s::text[], %s::text[], %s::boolean[]) AS n (imei, estado, heredado) JOIN moviles m USING (imei)
WHERE m.estado_conexion <> n.estado AND (NOT heredado OR m.ultima_actualizacion < now() - %s * interval '1 second')
"""
BATCH = 1000
"""Devices in one statement."""
COMPARING = 60
"""Seconds between two comparisons of the table with what is known."""


class PresenceService(Service):
    """While PostgreSQL is away the newest state of each device waits. A stop marks nobody: the next run takes over the states.

    The store writes ``conectado`` with every fix, also with one that leaves the spool when its device is gone again: the devices
    that are not connected are compared with the table once a minute.
    """

    _log = Logger()
    name = "presence"

    def __init__(
        self,
        reactor: Any,
        session: Session,
        presence: Presence,
        tell: Callable[[int, str], None],
        most: int = 100_000,
        silence: float = 0,
    ) -> None:
        self._silence = silence
        self._session = session
        self._presence = presence
        self._tell = tell
        self._most = most
        self._waiting: dict[str, str] = {}
        self._compared: dict[str, str] = {}
        self._has_inherited = False
        self._writing: Deferred[None] | None = None
        self._beating, self._comparing = LoopingCall(self.beat), LoopingCall(self.compare)
        self._beating.clock = self._comparing.clock = reactor

    def startService(self) -> None:
        super().startService()
        self._beating.start(1)
        self._comparing.start(COMPARING, now=False)

    def stopService(self) -> None:
        super().stopService()
        self._beating.stop()
        self._comparing.stop()

    def beat(self) -> None:
        """Take what changed, and write it unless an earlier writing still goes on."""
        self._waiting.update(self._presence.tick())
        if self._writing is None:
            self._writing = ensureDeferred(self.write())
            self._writing.addBoth(self._cb_written)

    def compare(self) -> None:
        """Look in the next writings whether the table has what is known of those who are not connected."""
        self._compared = self._presence.absent()

    async def write(self) -> None:
        """Write a batch of what waits; it goes on waiting while PostgreSQL is out of reach."""
        batch = _taken(self._waiting)
        try:
            await self._inherit()
            await self._write(batch)
            await self._look(_taken(self._compared))
        except StoreUnavailable as error:
            self._log.debug("states of connections wait: {reason}", reason=str(error))
            self._waiting = {**batch, **self._waiting}
        except Exception:  # a state is not worth stopping for
            self._log.failure("the states of {devices} devices are not written", devices=len(batch))

    def _cb_written(self, result: object) -> None:
        self._writing = None

    async def _inherit(self) -> None:
        if not self._has_inherited:
            self._presence.inherit(dict(await self._session.query(INHERIT, [self._most])))
            self._has_inherited = True

    async def _write(self, batch: dict[str, str]) -> None:
        if not batch:
            return
        for number, name, state, was_free in await self._session.query(WRITE, self._columns(batch)):
            if was_free:
                self._tell(number, state)
            else:
                self._waiting.setdefault(name, state)
        batch.clear()

    async def _look(self, part: dict[str, str]) -> None:
        if not part:
            return
        for (name,) in await self._session.query(DIFFERENT, self._columns(part)):
            self._waiting.setdefault(name, part[name])

    def _columns(self, states: dict[str, str]) -> list[object]:
        """What an earlier run left counts only where no other process writes about the vehicle."""
        inherited = [self._presence.is_inherited(name) for name in states]
        return [list(states), list(states.values()), inherited, self._silence]


def _taken(states: dict[str, str]) -> dict[str, str]:
    """The first BATCH of these, which are no longer among them."""
    return {name: states.pop(name) for name in list(islice(states, BATCH))}
