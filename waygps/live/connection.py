"""What the WebSockets of all channels have in common: who may come in, how much one may do, and when a connection ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from autobahn.websocket.types import ConnectionDeny
from twisted.logger import Logger

from waygps.config import Live
from waygps.errors import StoreUnavailable
from waygps.live.batch import Batch
from waygps.live.frames import text_frame
from waygps.live.hub import Hub
from waygps.live.messages import HEARTBEAT, Problem, encode
from waygps.live.outbox import Outbox
from waygps.live.pulse import Pulse
from waygps.live.update import Item, Said
from waygps.live.users import Users
from waygps.storage.accounts import fingerprint
from waygps.web.auth import is_own_origin, websocket_token

TOO_MANY = 4429
"""Close code: more connections or messages of one user than are allowed."""
SEND_BUFFER = 131_072
"""Bytes that the kernel holds for a client: what lies there is old when a slow client reads it."""


class LiveSocket(WebSocketServerProtocol):
    """One client: refused without a login or from another site's page, closed when it does too much or nothing at all."""

    _log = Logger()
    session = b""
    bits = 0
    """The window of the compression that was agreed on; 0: none."""
    _user: str | None = None
    _pulse: Pulse | None = None
    _wants_heartbeat = False

    async def onConnect(self, request: Any) -> None:  # type: ignore[override]  # Autobahn awaits it
        factory: LiveFactory = self.factory
        if not is_own_origin(request.headers.get("origin"), request.headers.get("host", ""), factory.origins):
            raise ConnectionDeny(403, "this origin may not connect")
        token = websocket_token(request.headers, request.params)
        try:
            user = await factory.user_of(token)
        except StoreUnavailable:
            raise ConnectionDeny(503, "the database is out of reach") from None
        if user is None:
            raise ConnectionDeny(401, "log in first, or pass ?token=")
        self.session, self.user = fingerprint(token), user

    def onOpen(self) -> None:
        factory: LiveFactory = self.factory
        if not factory.users.enter(self.user):
            # A browser hides the status of a refused handshake; a close code it shows.
            self.end(TOO_MANY, f"at most {factory.live.connections_user} connections a user")
            return
        self._user = self.user
        self.bits = next((deflate.server_max_window_bits for deflate in self.websocket_extensions_in_use), 0)
        self.outbox = Outbox(self.send_items, factory.clock)
        self._pulse = Pulse(factory.clock, factory.live.timeout, factory.live.stalled, self, self._unread_since)
        self._take_transport()
        factory.hub.join(self)
        self.begin()

    def take(self, batch: Batch) -> None:
        """See Client."""
        raise NotImplementedError

    def begin(self) -> None:
        """The client is in: send what it has to know first, then open the outbox."""
        raise NotImplementedError

    def said(self, payload: bytes) -> None:
        """The client sent this. Raises ValueError where it is not understood."""
        raise ValueError("nothing is expected here")

    def send_items(self, items: list[Item]) -> None:
        """The outbox sends these to this client alone."""
        raise NotImplementedError

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if not self._is_counted():
            return
        try:
            self.said(payload)
        except ValueError as error:
            if not self.outbox.is_paused:  # who does not read gets no complaints either
                self.write(text_frame(encode(Problem(f"not understood: {error}"))))

    def onPing(self, payload: bytes) -> None:  # noqa: N802
        # Nor answers: they would wait, one for each ping.
        if self._is_counted() and not self.outbox.is_paused:
            super().onPing(payload)

    def onPong(self, payload: bytes) -> None:  # noqa: N802
        if self._pulse is not None:
            self._pulse.heard()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        factory: LiveFactory = self.factory
        if self._user is not None and self._pulse is not None:
            factory.users.leave(self._user)
            factory.hub.leave(self)
            self._pulse.stop()
            self.outbox.stopProducing()
            self._user = None

    def alert(self, kind: str, message: bytes) -> None:
        """See Client."""
        self.outbox.offer(kind, Said(0, message))

    def end(self, code: int, reason: str) -> None:
        """See Client."""
        self.sendClose(code, reason)

    def beat(self) -> None:
        """See Watched."""
        if self.state == self.STATE_OPEN:
            self.sendPing()
            if self._wants_heartbeat:
                self.write(text_frame(HEARTBEAT))

    @property
    def heartbeat(self) -> float:
        """Seconds from one heartbeat to the next."""
        assert self._pulse is not None
        return self._pulse.period

    def write(self, frames: bytes) -> None:
        """Send finished frames."""
        if frames and self.state == self.STATE_OPEN:
            transport: Any = self.transport
            transport.write(frames)

    def _is_counted(self) -> bool:
        """Whether the client may say something; a client that may not is closed."""
        factory: LiveFactory = self.factory
        if self._user is None or self._pulse is None:
            return False
        self._pulse.heard()
        if factory.users.may_send(self._user):
            return True
        self.end(TOO_MANY, f"at most {factory.live.messages_per_second:g} messages a second")
        return False

    def _unread_since(self) -> float | None:
        return self.outbox.since if self.outbox.is_paused else None

    def _take_transport(self) -> None:
        """The HTTP channel that accepted the connection is still the producer, and would pause the wrong side."""
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.registerProducer(self.outbox, True)
        if hasattr(transport, "socket"):
            transport.socket.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)


def accept_deflate(offers: Sequence[Any]) -> PerMessageDeflateOfferAccept | None:
    """Without context takeover in either direction: so a compressed message is the same for all, and nothing is kept between."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer, request_no_context_takeover=True, no_context_takeover=True)
    return None


class LiveFactory(WebSocketServerFactory):
    """Makes the clients' protocols; ``user_of(token)`` asks the database. ``users`` are counted over all channels."""

    def __init__(
        self,
        hub: Hub,
        user_of: Callable[[str], Awaitable[str | None]],
        users: Users,
        clock: Any,
        live: Live,
        origins: tuple[str, ...] = (),
    ) -> None:
        super().__init__(server="WayGPS")
        self.hub, self.user_of, self.users = hub, user_of, users
        self.clock, self.live, self.origins = clock, live, origins
        self.setProtocolOptions(
            maxFramePayloadSize=live.message_size,
            maxMessagePayloadSize=live.message_size,
            openHandshakeTimeout=10,
            perMessageCompressionAccept=accept_deflate,
            failByDrop=False,
            webStatus=False,
        )
