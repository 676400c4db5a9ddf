"""/ws/gps/: a browser or a program that watches. Autobahn speaks the protocol; this decides who may and what is said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.config import Live
from waygps.errors import StoreUnavailable
from waygps.live.area import Area
from waygps.live.batch import Batch, Form
from waygps.live.connection import LiveFactory, LiveSocket
from waygps.live.frames import text_frame
from waygps.live.hub import Hub
from waygps.live.messages import (
    ClientMessage,
    Options,
    OptionsTaken,
    SubscribeAll,
    SubscribeArea,
    SubscribeMobile,
    UnsubscribeArea,
    UnsubscribeMobile,
    client_message,
    encode,
)
from waygps.live.state import States
from waygps.live.subscription import Subscription
from waygps.live.update import Item, Update
from waygps.live.users import Users

UNAVAILABLE = 4503
"""Close code: try again later."""


class GpsSocket(LiveSocket):
    """One client: initial_state, then the updates that it wants, in the form that it wants."""

    _log = Logger()
    _form = Form()

    def begin(self) -> None:
        """See LiveSocket."""
        self._subscription = Subscription()
        self._form = Form(bits=self.bits)
        ensureDeferred(self._begin()).addErrback(self._eb_begin)

    def take(self, batch: Batch) -> None:
        """See Client."""
        if self.outbox.is_held:
            self.outbox.keep(item for item in batch.items if self._subscription.wants(item))
            return
        frames = batch.wire(self._form, self._subscription)
        if frames:
            self.write(frames)
            self.outbox.sent()

    def send_items(self, items: list[Item]) -> None:
        """See LiveSocket."""
        self.write(Batch(items).wire(self._form, _Everything()))

    def said(self, payload: bytes) -> None:
        """See LiveSocket."""
        message = client_message(payload)
        known = list(self.factory.hub.known())
        heard = {said.vehicle for said in known if self._subscription.covers(said)}
        self._obey(message)
        self._catch_up([said for said in known if self._subscription.wants(said) and said.vehicle not in heard])

    def _obey(self, message: ClientMessage) -> None:
        subscription = self._subscription
        match message:
            case SubscribeMobile(number):
                subscription.add(number)
            case UnsubscribeMobile(number):
                subscription.remove(number)
            case SubscribeArea():
                subscription.watch(_area(message))
            case UnsubscribeArea():
                subscription.watch(None)
            case SubscribeAll():
                subscription.widen()
            case Options():
                self._take_options(message)

    def _take_options(self, asked: Options) -> None:
        own = self.factory.live.update_interval
        interval = asked.interval if asked.interval > own else 0.0
        self._form = Form(asked.compact, asked.trail, self.bits)
        self._wants_heartbeat = asked.heartbeat
        if not self.outbox.is_paused:
            beats = self.heartbeat if asked.heartbeat else 0.0
            self.write(text_frame(encode(OptionsTaken(asked.compact, asked.trail, interval or own, beats))))
        self.outbox.configure(interval, asked.trail)

    def _catch_up(self, known: list[Update]) -> None:
        """What became of the vehicles that the client begins to want, while it did not hear of them."""
        if known:
            self.take(Batch(known))

    async def _begin(self) -> None:
        state = await self.factory.states()
        self.write(state.frame(self.bits))
        self.outbox.begin()

    def _eb_begin(self, failure: Failure) -> None:
        if not failure.check(StoreUnavailable):
            self._log.failure("a client's initial state failed", failure)
        self.end(UNAVAILABLE, "the database is out of reach")


def _area(message: SubscribeArea) -> Area:
    if message.sur > message.norte:
        raise ValueError("sur is north of norte")
    return Area(message.sur, message.oeste, message.norte, message.este)


class _Everything:
    """What waited in an outbox was wanted when it came."""

    audience = "all"

    def wants(self, item: Item) -> bool:
        return True


class GpsFactory(LiveFactory):
    """Makes the clients of /ws/gps/; ``vehicles()`` asks the database for the JSON array of all."""

    protocol = GpsSocket

    def __init__(
        self,
        hub: Hub,
        user_of: Callable[[str], Awaitable[str | None]],
        vehicles: Callable[[], Awaitable[str]],
        origins: tuple[str, ...] = (),
        *,
        clock: Any,
        users: Users | None = None,
        live: Live | None = None,
    ) -> None:
        live = live or Live()
        super().__init__(hub, user_of, users or users_of(live, clock), clock, live, origins)
        self.states = States(vehicles)


def users_of(live: Live, clock: Any) -> Users:
    """The users within these limits."""
    return Users(live.connections_user, live.messages_per_second, clock.seconds)
