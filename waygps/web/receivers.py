"""REST for the receivers, below /api/receptores: which there are and how they do; add, change, start, stop, restart, delete."""

from __future__ import annotations

from typing import Any, TypeVar

from klein import Klein
from msgspec import UNSET, Struct, UnsetType
from twisted.logger import Logger
from twisted.web.iweb import IRequest

from waygps.origin import Policy
from waygps.storage.accounts import Accounts
from waygps.storage.receiver_changes import (
    Change,
    Conflict,
    NoReceiver,
    Refused,
    Wanted,
    added,
    changed,
    deleted,
    restarted,
    switched,
)
from waygps.storage.receiver_rows import ReceiverRows
from waygps.web.problems import APIError, answer
from waygps.web.requests import body_of, user_of, with_errors
from waygps.web.running import Running

T = TypeVar("T")


class Settings(Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of a change. ``desconocidos`` null: as ingest.unknown_devices says."""

    nombre: str | None = None
    tipo: str | None = None
    puerto: int | None = None
    protocolo: str | None = None
    desconocidos: Policy | UnsetType | None = UNSET
    otros_protocolos: bool | UnsetType = UNSET

    def wanted(self) -> Wanted:
        """In the words of the change."""
        given = {"desconocidos": self.desconocidos, "otros_protocolos": self.otros_protocolos}
        settings = {key: value for key, value in given.items() if value is not UNSET}
        transport = self.protocolo and self.protocolo.upper()
        return Wanted(name=self.nombre, kind=self.tipo, port=self.puerto, transport=transport, settings=settings)


class New(Settings, forbid_unknown_fields=True, kw_only=True):
    """The body of a new receiver."""

    nombre: str
    tipo: str
    puerto: int


class Nothing(Struct, forbid_unknown_fields=True):
    """The body of what needs no words: {}."""


class ReceiversAPI:
    """The routes; each needs a login."""

    app = with_errors(Klein())
    _log = Logger()

    def __init__(self, accounts: Accounts, rows: ReceiverRows, running: Running) -> None:
        self._accounts = accounts
        self._rows = rows
        self._running = running

    @app.route("/", methods=["GET"])
    async def receivers(self, request: IRequest) -> bytes:
        """All receivers of the table, each with how it does in this process."""
        await user_of(self._accounts, request)
        return answer(request, {"receptores": [self._running.seen(row) for row in await self._rows.all()]})

    @app.route("/hallazgos", methods=["GET"])
    async def findings(self, request: IRequest) -> bytes:
        """What came to the wrong port, or from nobody known, to this process since its start."""
        await user_of(self._accounts, request)
        return answer(request, {"hallazgos": self._running.found()})

    @app.route("/", methods=["POST"])
    async def add(self, request: IRequest) -> bytes:
        """Open one more."""
        user, wanted = await user_of(self._accounts, request), body_of(request, New).wanted()
        number, _ = await self._make(added(wanted))
        return await self._done(request, number, user, "added", 201)

    @app.route("/<int:number>", methods=["PATCH"])
    async def change(self, request: IRequest, number: int) -> bytes:
        """Give it another name, port, transport, type or rule."""
        user, wanted = await user_of(self._accounts, request), body_of(request, Settings).wanted()
        if wanted == Wanted():
            raise APIError(400, "nothing to change")
        await self._make(changed(number, wanted))
        return await self._done(request, number, user, "changed")

    @app.route("/<int:number>/iniciar", methods=["POST"])
    async def start(self, request: IRequest, number: int) -> bytes:
        """Open it, or try again where its port could not be opened."""
        return await self._order(request, number, switched(number, is_active=True), "started")

    @app.route("/<int:number>/detener", methods=["POST"])
    async def stop(self, request: IRequest, number: int) -> bytes:
        """Close it; what its devices have sent is stored and answered."""
        return await self._order(request, number, switched(number, is_active=False), "stopped")

    @app.route("/<int:number>/reiniciar", methods=["POST"])
    async def restart(self, request: IRequest, number: int) -> bytes:
        """Close it and open it again."""
        return await self._order(request, number, restarted(number), "restarted")

    @app.route("/<int:number>", methods=["DELETE"])
    async def delete(self, request: IRequest, number: int) -> bytes:
        """Close it and forget it."""
        user = await user_of(self._accounts, request)
        name = await self._make(deleted(number))
        self._log.info("{user} deleted receiver {name}", user=user, name=name)
        request.setResponseCode(204)
        return b""

    async def _order(self, request: IRequest, number: int, change: Change[str], what: str) -> bytes:
        user, _ = await user_of(self._accounts, request), body_of(request, Nothing)
        await self._make(change)
        return await self._done(request, number, user, what)

    async def _done(self, request: IRequest, number: int, user: str, what: str, status: int = 200) -> bytes:
        """The receiver as the table has it now; the server follows a moment later."""
        for row in await self._rows.all(number):
            self._log.info("{user} {what} receiver {name}", user=user, what=what, name=row["nombre"])
            return answer(request, self._running.seen(row), status)
        raise APIError(404, f"there is no receiver {number}")

    async def _make(self, change: Change[T]) -> T:
        try:
            return await self._rows.make(change)
        except Refused as refused:
            raise APIError(_status(refused), str(refused)) from None


def _status(refused: Refused) -> int:
    known: dict[type[Any], int] = {NoReceiver: 404, Conflict: 409}
    return known.get(type(refused), 400)
