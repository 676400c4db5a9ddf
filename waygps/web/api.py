"""REST, as Klein routes: log in and out, vehicles, positions, health. Answers are JSON; errors are {"error": "…"}."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from klein import Klein
from klein.resource import KleinResource
from msgspec import Raw, Struct
from twisted.web.iweb import IRequest

from waygps import __version__
from waygps.config import Web
from waygps.storage.accounts import Accounts, fingerprint
from waygps.storage.fleet import Fleet
from waygps.web.auth import expired_cookie, request_token, session_cookie
from waygps.web.problems import APIError, answer
from waygps.web.quarantine import QuarantineAPI
from waygps.web.receivers import ReceiversAPI
from waygps.web.requests import body_of, number_of, time_of, user_of, with_errors
from waygps.web.throttle import Throttle

MOST_POSITIONS = 10_000
DAY = timedelta(hours=24)
BEGINNING = datetime.min.replace(tzinfo=UTC)


class Credentials(Struct):
    """The body of a login."""

    usuario: str
    clave: str


class API:
    """The routes below /api/. ``end_session(fingerprint)`` closes the live connections of a login that ended."""

    app = with_errors(Klein())

    def __init__(
        self,
        accounts: Accounts,
        fleet: Fleet,
        health: Callable[[], dict[str, Any]],
        throttle: Throttle,
        end_session: Callable[[bytes], None],
        settings: Web,
        quarantine: QuarantineAPI,
        receivers: ReceiversAPI,
    ) -> None:
        self._receivers = receivers
        self._quarantine = quarantine
        self._accounts = accounts
        self._fleet = fleet
        self._health = health
        self._throttle = throttle
        self._end_session = end_session
        self._settings = settings

    @app.route("/login", methods=["POST"])
    async def log_in(self, request: IRequest) -> bytes:
        """Begin a session: {"usuario", "clave"} in, {"usuario", "token"} and the cookie out."""
        credentials = body_of(request, Credentials)
        key = f"{credentials.usuario} {request.getClientAddress().host}"
        wait = self._throttle.wait(key)
        if wait:
            raise APIError(429, f"too many failed logins: try again in {wait:.0f} s", {"retry-after": str(math.ceil(wait))})
        # Counted before it is known, or a burst of tries at the same time would count as none.
        self._throttle.failed(key)
        token = await self._accounts.log_in(credentials.usuario, credentials.clave)
        if token is None:
            raise APIError(401, "wrong user or password / usuario o clave incorrectos")
        self._throttle.succeeded(key)
        request.setHeader(b"set-cookie", session_cookie(token, self._settings.secure_cookies).encode())
        return answer(request, {"usuario": credentials.usuario, "token": token})

    @app.route("/logout", methods=["POST"])
    async def log_out(self, request: IRequest) -> bytes:
        """End the session, its WebSockets included."""
        token = request_token(request)
        await self._accounts.log_out(token)
        self._end_session(fingerprint(token))
        request.setHeader(b"set-cookie", expired_cookie().encode())
        request.setResponseCode(204)
        return b""

    @app.route("/config", methods=["GET"])
    async def config(self, request: IRequest) -> bytes:
        """What the page needs to know."""
        user = await user_of(self._accounts, request)
        tiles = self._settings.tiles
        shown = {"url": tiles.url, "attribution": tiles.attribution}
        return answer(request, {"version": __version__, "usuario": user, "tiles": shown})

    @app.route("/moviles", methods=["GET"])
    async def vehicles(self, request: IRequest) -> bytes:
        """All vehicles."""
        await user_of(self._accounts, request)
        return answer(request, {"moviles": Raw((await self._fleet.vehicles()).encode())})

    @app.route("/moviles/<int:number>", methods=["GET"])
    async def vehicle(self, request: IRequest, number: int) -> bytes:
        """One vehicle."""
        await user_of(self._accounts, request)
        return answer(request, Raw((await self._found(number)).encode()))

    @app.route("/moviles/<int:number>/posiciones", methods=["GET"])
    async def positions(self, request: IRequest, number: int) -> bytes:
        """A vehicle's positions from ``desde`` to ``hasta`` (default: the last 24 hours), at most ``limite`` of them."""
        await user_of(self._accounts, request)
        until = time_of(request, "hasta", datetime.now(UTC))
        since = time_of(request, "desde", until - min(DAY, until - BEGINNING))
        most = number_of(request, "limite", 1000, MOST_POSITIONS)
        await self._found(number)
        found = await self._fleet.positions(number, since, until, most)
        return answer(request, {"posiciones": Raw(found.encode())})

    @app.route("/cuarentena/", branch=True)
    def quarantine(self, request: IRequest) -> KleinResource:
        """See waygps.web.quarantine."""
        return self._quarantine.app.resource()

    @app.route("/receptores/", branch=True)
    def receivers(self, request: IRequest) -> KleinResource:
        """See waygps.web.receivers."""
        return self._receivers.app.resource()

    @app.route("/health", methods=["GET"])
    async def health(self, request: IRequest) -> bytes:
        """Whether the server does its work; the details only for who is logged in, which PostgreSQL has to say."""
        state = self._health()
        if state["base_de_datos"] == "error" or await self._accounts.user_of(request_token(request)) is None:
            state = {name: state[name] for name in ("estado", "base_de_datos", "spool", "version")}
        return answer(request, state, 503 if state["estado"] == "error" else 200)

    async def _found(self, number: int) -> str:
        vehicle = await self._fleet.vehicle(number) if number < 2**31 else None
        if vehicle is None:
            raise APIError(404, f"there is no vehicle {number}")
        return vehicle
