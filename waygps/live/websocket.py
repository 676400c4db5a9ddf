"""/ws/gps/: a browser or a program that watches. Autobahn speaks the protocol; this decides who may and what is said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from msgspec import DecodeError
from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import StoreUnavailable
from waygps.live.hub import Hub
from waygps.live.messages import Problem, client_message, encode, initial_state
from waygps.live.outbox import Outbox
from waygps.live.subscription import Subscription
from waygps.storage.accounts import fingerprint
from waygps.web.auth import is_own_origin, websocket_token

UNAVAILABLE = 4503
"""Close code: try again later."""


class GpsSocket(WebSocketServerProtocol):
    """One client: refused without a login or from another site's page, then initial_state, then updates."""

    _log = Logger()
    session = b""

    async def onConnect(self, request: Any) -> None:  # type: ignore[override]  # Autobahn awaits it
        factory: GpsFactory = self.factory
        if not is_own_origin(request.headers.get("origin"), request.headers.get("host", ""), factory.origins):
            raise ConnectionDeny(403, "this origin may not connect")
        token = websocket_token(request.headers, request.params)
        try:
            user = await factory.user_of(token)
        except StoreUnavailable:
            raise ConnectionDeny(503, "the database is out of reach") from None
        if user is None:
            raise ConnectionDeny(401, "log in first, or pass ?token=")
        self.session = fingerprint(token)

    def onOpen(self) -> None:
        self._subscription = Subscription()
        self._outbox = Outbox(self._say)
        self.factory.hub.join(self)
        ensureDeferred(self._begin()).addErrback(self._eb_begin)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        try:
            message = client_message(payload)
            change = self._subscription.add if message.type == "subscribe_mobile" else self._subscription.remove
            change(message.mobile_id)
        except (DecodeError, ValueError) as error:
            if not self._outbox.is_held:  # who does not read gets no complaints either
                self._say(encode(Problem(f"not understood: {error}")))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.factory.hub.leave(self)

    def offer(self, vehicle: int, message: bytes) -> None:
        if self._subscription.wants(vehicle):
            self._outbox.offer(vehicle, message)

    def status(self, vehicle: int, message: bytes) -> None:
        if self._subscription.wants(vehicle):
            # Not the slot of the vehicle's update: neither is to replace the other.
            self._outbox.offer(f"estado {vehicle}", message)

    def alert(self, kind: str, message: bytes) -> None:
        self._outbox.offer(kind, message)

    def end(self, code: int, reason: str) -> None:
        self.sendClose(code, reason)

    def _say(self, message: bytes) -> None:
        if self.state == self.STATE_OPEN:
            self.sendMessage(message)

    async def _begin(self) -> None:
        mobiles = await self.factory.vehicles()
        if self.state != self.STATE_OPEN:
            return
        self.sendMessage(initial_state(mobiles))
        # The HTTP channel that accepted the connection is still the transport's producer, and would pause the wrong side.
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.registerProducer(self._outbox, True)
        self._outbox.resumeProducing()

    def _eb_begin(self, failure: Failure) -> None:
        if not failure.check(StoreUnavailable):
            self._log.failure("a client's initial state failed", failure)
        self.sendClose(UNAVAILABLE, "the database is out of reach")


class GpsFactory(WebSocketServerFactory):
    """Makes the clients' protocols; ``user_of(token)`` and ``vehicles()`` ask the database."""

    protocol = GpsSocket

    def __init__(
        self,
        hub: Hub,
        user_of: Callable[[str], Awaitable[str | None]],
        vehicles: Callable[[], Awaitable[str]],
        origins: tuple[str, ...] = (),
    ) -> None:
        super().__init__(server="WayGPS")
        self.hub = hub
        self.user_of = user_of
        self.vehicles = vehicles
        self.origins = origins
        self.setProtocolOptions(
            maxFramePayloadSize=65_536,
            maxMessagePayloadSize=65_536,
            autoPingInterval=30,
            autoPingTimeout=30,
            openHandshakeTimeout=10,
            webStatus=False,
        )
