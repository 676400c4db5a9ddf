"""Where parcels become durable: PostgreSQL while it is in reach, the spool while it is not, and back again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import SpoolUnavailable, StoreUnavailable
from waygps.position import Parcel, Stored
from waygps.storage.replay import Identifies, Replay, TakesOver, Writes
from waygps.storage.spool import Spool

LONGEST_PAUSE = 2.0
"""Seconds between two tries to reach PostgreSQL."""

PROBE_PAUSE = 0.05
"""Seconds that reports have to find out whether PostgreSQL, which answers, also stores."""


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

    def __init__(
        self, reactor: Any, writer: Writes, spool: Spool, vehicles: Identifies, quarantine: TakesOver, alert: Alert
    ) -> None:
        self._reactor = reactor
        self._writer = writer
        self._spool = spool
        self._replay = Replay(writer, spool, vehicles, quarantine)
        self._alert = alert
        self._room: list[Deferred[None]] = []
        self._wake: Deferred[None] | None = None
        self._draining: Deferred[None] | None = None
        self._is_stuck = False
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
        if not self.is_away and self.running:
            self.is_away = True
            self._log.warn("PostgreSQL is out of reach, fixes go to the spool: {reason}", reason=str(reason))
            self._alert("base_de_datos_fuera", "PostgreSQL is out of reach: positions are kept in the spool")

    async def _keep(self, parcel: Parcel) -> Stored:
        """Put it into the spool, or, while that is full, wait for room or for PostgreSQL, whichever comes first."""
        while True:
            try:
                await self._spool.append(parcel)
            except StoreUnavailable as error:
                self._complain(error)
            else:
                self._is_stuck = self._spool.is_full
                self._rouse()
                return Stored(len(parcel.positions), frozenset({parcel.vehicle.id} - {0}))
            if self.is_away or not self.running:
                await self._change()
            if not self.is_away:
                identified = await self._replay.identified(parcel)
                return await self._writer.write(identified).addErrback(self._eb_write, parcel)

    def _complain(self, error: StoreUnavailable) -> None:
        if not self._is_stuck and self.running:
            self._is_stuck = True
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
            except (StoreUnavailable, CancelledError) as error:
                if not self.running:
                    return
                self._note(error)
                await deferLater(self._reactor, next(pauses))
                self._release()
            except Exception:  # whatever it is, what waits here is acknowledged
                self._log.failure("the spool does not drain: it is tried again")
                await deferLater(self._reactor, next(pauses))

    def _note(self, error: BaseException) -> None:
        if isinstance(error, SpoolUnavailable):
            self._log.error("{error}", error=str(error))
        else:
            self._lose(error)

    async def _step(self) -> None:
        try:
            await self._try_step()
        except SpoolUnavailable:
            # Nothing can be drained, which is no reason to keep reports from PostgreSQL.
            await self._writer.probe()
            self._regain()
            raise

    async def _try_step(self) -> None:
        if self.is_away and not self._spool.fixes:
            await self._writer.probe()
            self._regain()
            # What it says to a question it need not do: let reports try, and the next question wait.
            await deferLater(self._reactor, PROBE_PAUSE)
        elif self._spool.fixes:
            await self._replay.step()
            self._regain()
        else:
            self._wake = Deferred()
            await self._wake

    def _regain(self) -> None:
        """PostgreSQL takes fixes, and the spool may have room."""
        if self.is_away:
            self.is_away = False
            self._log.info("PostgreSQL is in reach again, {fixes} fixes are in the spool", fixes=self._spool.fixes)
            self._alert("base_de_datos_de_vuelta", "PostgreSQL is in reach again: the spool is being emptied")
        self._is_stuck = False
        self._release()

    def _release(self) -> None:
        """Let the reports that neither took try again."""
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
        return {"fixes": self._spool.fixes, "antiguedad_s": age, "lleno": self._spool.is_full or bool(self._room)}


def _pauses() -> Any:
    pause = 0.05
    while True:
        yield pause
        pause = min(pause * 1.7, LONGEST_PAUSE)
