"""The vehicles by the identification of their device: a bounded cache of ``moviles`` that hears of changes."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from waygps.errors import StoreUnavailable
from waygps.origin import Policy
from waygps.position import Vehicle
from waygps.storage.session import Row, Session

ALL = "SELECT id, imei, patente FROM moviles ORDER BY ultima_actualizacion DESC LIMIT %s"
FIND = "SELECT id, imei, patente FROM moviles WHERE imei = %s"
COUNT = "SELECT count(*) FROM moviles"
REGISTER = "INSERT INTO moviles (imei) VALUES (%s) ON CONFLICT (imei) DO NOTHING RETURNING id, imei, patente"


_NEVER_ASKED = Vehicle(-1, "", None)


class Vehicles:
    """Look-ups by IMEI. What is not known is asked for once, however many ask at the same time.

    A device that nobody entered is unknown, which is remembered too; or, where it is to be registered, gets a row in
    ``moviles``, while that has less than ``most`` rows. ``most`` is the bound of the cache as well.
    Every change of an identification or plate in the table is heard by LISTEN; after a lost connection all is read again.
    """

    _log = Logger()

    def __init__(self, session: Session, *, most: int = 100_000) -> None:
        self._session = session
        self._most = most
        self._known: dict[str, Vehicle | None] = {}
        self._asked: dict[tuple[str, Policy], list[Deferred[Vehicle | None]]] = {}
        self._overtaken: set[tuple[str, Policy]] = set()
        self._rows = most
        """Rows of moviles, counted anew where they seem to be too many: counting at each registration would be quadratic."""

    async def start(self) -> None:
        """Begin to hear of changes, then read the vehicles that were active last."""
        await self._session.listen("waygps_moviles", self._forget)
        self._take(await self._session.query_patiently(ALL, [self._most]))
        self._session.on_recovery(self._renew)

    def find(self, imei: str, unknown: Policy) -> Vehicle | Deferred[Vehicle | None] | None:
        """The vehicle, or None for a device that is unknown; a Deferred of it where the database has to be asked.

        ``unknown``: what is to become of a device that is not in ``moviles``. While the database cannot be asked, one that would
        be refused waits; any other is a vehicle with the id 0.
        """
        known = self._known.get(imei, _NEVER_ASKED)
        if known is not _NEVER_ASKED and (known is not None or unknown != "registrar"):
            return known
        if unknown != "rechazar" and not self._session.is_up:
            return Vehicle(0, imei, None)
        return self._join(imei, unknown)

    async def identify(self, imei: str, unknown: Policy) -> Vehicle | None:
        """As find, but waiting for the database however long it is away."""
        while True:
            found = self.find(imei, unknown)
            vehicle = await found if isinstance(found, Deferred) else found
            if vehicle is None or vehicle.id:
                return vehicle
            await self._session.query_patiently("SELECT 1")

    def _take(self, rows: list[Row]) -> None:
        # The one that reported last goes in last, and so is the last to be forgotten.
        self._known = {row[1]: Vehicle(*row) for row in reversed(rows)}

    async def _renew(self) -> None:
        """What changed meanwhile was not heard. Until all is read what was known serves, as it did while PostgreSQL was away."""
        try:
            await self._session.execute("LISTEN waygps_moviles")
            self._take(await self._session.query(ALL, [self._most]))
        except StoreUnavailable:
            self._log.debug("away again: all is read at the next recovery")

    def _join(self, imei: str, unknown: Policy) -> Deferred[Vehicle | None]:
        waiting: Deferred[Vehicle | None] = Deferred()
        question = imei, unknown
        if question in self._asked:
            self._asked[question].append(waiting)
        else:
            self._asked[question] = [waiting]
            asking = Deferred.fromCoroutine(self._ask(*question))
            asking.addCallbacks(self._cb_found, self._eb_found, callbackArgs=question, errbackArgs=question)
        return waiting

    async def _ask(self, imei: str, unknown: Policy) -> Vehicle | None:
        if unknown == "rechazar":
            rows = await self._session.query_patiently(FIND, [imei])
            return Vehicle(*rows[0]) if rows else None
        try:
            rows = await self._session.query(FIND, [imei]) or (await self._enter(imei) if unknown == "registrar" else [])
        except StoreUnavailable:
            return Vehicle(0, imei, None)
        return Vehicle(*rows[0]) if rows else None

    async def _enter(self, imei: str) -> list[Row]:
        if self._rows >= self._most:
            ((self._rows,),) = await self._session.query(COUNT)
        new = await self._insert(imei) if self._rows < self._most else []
        rows = new or await self._session.query(FIND, [imei])
        if new:
            self._log.info("device {imei} is new: registered as vehicle {id}", imei=imei, id=new[0][0])
        elif not rows:
            self._log.warn("device {imei} is new and not registered: moviles has {most} rows already", imei=imei, most=self._most)
        return rows

    async def _insert(self, imei: str) -> list[Row]:
        self._rows += 1  # before the others that ask meanwhile look
        new: list[Row] = []
        try:
            new = await self._session.query(REGISTER, [imei])
        finally:
            self._rows -= not new
        return new

    def _cb_found(self, vehicle: Vehicle | None, imei: str, unknown: Policy) -> None:
        if (imei, unknown) in self._overtaken:
            self._overtaken.discard((imei, unknown))
        elif vehicle is None or vehicle.id:
            self._remember(imei, vehicle)
        for waiting in self._asked.pop((imei, unknown)):
            waiting.callback(vehicle)

    def _eb_found(self, failure: object, imei: str, unknown: Policy) -> None:
        for waiting in self._asked.pop((imei, unknown)):
            waiting.errback(failure)  # type: ignore[arg-type]

    def _remember(self, imei: str, vehicle: Vehicle | None) -> None:
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[imei] = vehicle

    def _forget(self, imei: str) -> None:
        self._known.pop(imei, None)
        # The answers under way may be from before the change.
        self._overtaken.update(question for question in self._asked if question[0] == imei)
