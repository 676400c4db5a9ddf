"""What several server processes tell each other: who moved, who is connected where, what to alert. One process needs none of it.

Redis carries it (publish and subscribe). What is lost while Redis is away is not missed: fixes are in PostgreSQL before they are
told, and who listens is told to look there when the bus is back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import txredisapi
from msgspec import MsgspecError, msgpack
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import HostnameEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import ConfigurationError

Heard = Callable[[bytes], None]

MOST_UNHEARD = 4 * 2**20
"""Bytes that may be on their way to Redis; beyond that what is published is dropped, and counts as lost."""


class Bus(Protocol):
    """Tells the other processes, and hears from them."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Tell every other process. Never waits, never fails."""

    def subscribe(self, topic: str, heard: Heard) -> None:
        """Call this with what other processes publish."""

    def on_recovery(self, call: Callable[[], object]) -> None:
        """Call this when something may have been missed, and can be had again."""


class NoBus:
    """Of a process that is alone."""

    def publish(self, topic: str, payload: bytes) -> None:
        pass

    def subscribe(self, topic: str, heard: Heard) -> None:
        pass

    def on_recovery(self, call: Callable[[], object]) -> None:
        pass


class _Subscriber(txredisapi.SubscriberProtocol):  # type: ignore[misc]  # without types
    """The connection that listens; the factory's ``bus`` hears."""

    def messageReceived(self, pattern: object, channel: object, message: bytes) -> None:  # noqa: N802
        self.factory.bus.heard(message)


class _Listening(txredisapi.RedisFactory):  # type: ignore[misc]
    protocol = _Subscriber
    maxDelay = 2  # noqa: N815

    def __init__(self, bus: RedisBus, **login: Any) -> None:
        super().__init__(uuid="waygps", dbid=None, poolsize=1, isLazy=True, charset=None, convertNumbers=False, **login)
        self.bus = bus

    def addConnection(self, connection: Any) -> None:  # noqa: N802
        super().addConnection(connection)
        self.bus.connected(connection)

    def delConnection(self, connection: Any) -> None:  # noqa: N802
        super().delConnection(connection)
        self.bus.lost()


class RedisBus(Service):
    """The bus over the Redis at ``url`` (redis://[user:password@]host[:port]), on the one channel ``channel``.

    What is published in one turn of the event loop goes in one message.
    """

    _log = Logger()
    name = "bus"

    def __init__(self, reactor: Any, url: str, channel: str) -> None:
        self._reactor = reactor
        self._channel = channel
        self._me = uuid4().hex
        self._endpoint, login = _place(reactor, url)
        self._listening = _Listening(self, **login)
        self._speaking = txredisapi.RedisFactory("waygps", None, 1, isLazy=True, charset=None, convertNumbers=False, **login)
        self._speaking.maxDelay = 2
        self._heard: defaultdict[str, list[Heard]] = defaultdict(list)
        self._recoveries: list[Callable[[], object]] = []
        self._waiting: list[tuple[str, bytes]] = []
        self._is_calling = False
        self._unheard = 0
        self._has_lost = False
        self.is_up = False
        """Whether it hears the others."""
        self.dropped = 0
        """What was published and never left."""

    def startService(self) -> None:
        super().startService()
        self._listening.startConnecting(self._endpoint)
        self._speaking.startConnecting(self._endpoint)

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        return gatherResults([self._listening.disconnect(), self._speaking.disconnect()], consumeErrors=True)

    def publish(self, topic: str, payload: bytes) -> None:
        """See Bus."""
        self._waiting.append((topic, payload))
        if not self._is_calling:
            self._is_calling = True
            self._reactor.callLater(0, self._send)

    def subscribe(self, topic: str, heard: Heard) -> None:
        """See Bus."""
        self._heard[topic].append(heard)

    def on_recovery(self, call: Callable[[], object]) -> None:
        """See Bus."""
        self._recoveries.append(call)

    def _send(self) -> None:
        waiting, self._waiting, self._is_calling = self._waiting, [], False
        frame = msgpack.encode((self._me, waiting))
        if not self.is_up or self._unheard > MOST_UNHEARD:
            self._lose(len(waiting))
            return
        self._unheard += len(frame)
        sent = self._speaking.handler.publish(self._channel, frame)
        sent.addCallbacks(self._cb_sent, self._eb_sent, callbackArgs=(len(frame),), errbackArgs=(len(frame), len(waiting)))

    def _cb_sent(self, listeners: object, size: int) -> None:
        self._unheard -= size
        if self._has_lost and not self._unheard and self.is_up:
            self._has_lost = False
            # The others missed something as well.
            self.publish("recuperar", b"")

    def _eb_sent(self, failure: Failure, size: int, count: int) -> None:
        self._unheard -= size
        self._lose(count)
        self._log.debug("the bus did not take a message: {reason}", reason=str(failure.value))

    def _lose(self, count: int) -> None:
        self.dropped += count
        self._has_lost = True

    # -- from Redis

    def connected(self, connection: Any) -> None:
        """The listening connection is there, once more or for the first time."""
        self._log.info("the bus is in reach")
        connection.subscribe(self._channel).addCallbacks(self._cb_subscribed, lambda failure: None)

    def _cb_subscribed(self, _: object) -> None:
        self.is_up = True
        self._has_lost = False
        self._recover()
        self.publish("recuperar", b"")

    def lost(self) -> None:
        """The listening connection is gone; it comes back by itself."""
        if self.is_up and self.running:
            self._log.warn("the bus is out of reach: other processes' vehicles stand still on this one's pages until it is back")
        self.is_up = False

    def heard(self, frame: bytes) -> None:
        """A message of any process, this one included."""
        try:
            sender, messages = msgpack.decode(frame, type=tuple[str, list[tuple[str, bytes]]])
        except MsgspecError as error:
            self._log.warn("the bus carries what is not WayGPS': {reason}", reason=str(error))
            return
        if sender != self._me:
            for topic, payload in messages:
                self._tell(topic, payload)

    def _tell(self, topic: str, payload: bytes) -> None:
        if topic == "recuperar":
            self._recover()
        for heard in self._heard[topic]:
            try:
                heard(payload)
            except Exception:  # one listener's fault is not the next one's
                self._log.failure("a message of the bus about {topic} was not understood", topic=topic)

    def _recover(self) -> None:
        for call in self._recoveries:
            call()


def _place(reactor: Any, url: str) -> tuple[HostnameEndpoint, dict[str, str]]:
    parts = urlsplit(url)
    try:
        port = parts.port or 6379
    except ValueError:
        port = 0
    if parts.scheme != "redis" or not parts.hostname or not port:
        raise ConfigurationError(f"bus.url = {url!r} is not redis://[user:password@]host[:port]")
    login = {"username": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    return HostnameEndpoint(reactor, parts.hostname, port), {name: value for name, value in login.items() if value}
