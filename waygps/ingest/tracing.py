"""The trace of a device: all that it sends and is answered, told live to whoever asked for it over PostgreSQL.

Who wants a trace LISTENs on a channel of a name of their own (``waygps_rastreo_…``), and notifies ``waygps_rastreo`` of it, as
Request has it, again before the time is over: every server process hears that, and notifies the channel of each message as a
JSON object (docs/protocols.md). While nobody asks, a message costs one look at an empty dict.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol

from msgspec import Meta, Struct, ValidationError, json
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from waygps.fix import Message
from waygps.ingest.notices import Notices
from waygps.ingest.telling import connection, incoming, outgoing, time_text, undecodable
from waygps.interfaces import Answer

CHANNEL = "waygps_rastreo"
MOST = 16
"""Traces at once; one more is not heard."""


class Request(Struct, frozen=True):
    """Somebody wants the trace of a device."""

    dispositivo: Annotated[str, Meta(min_length=1, max_length=100)]
    canal: Annotated[str, Meta(pattern="^waygps_rastreo_[0-9a-z]{1,40}$")]
    segundos: Annotated[float, Meta(ge=0, le=300)]
    """From now on; 0: no more."""


class Listens(Protocol):
    """See waygps.storage.session.Session."""

    def listen(self, channel: str, heard: Callable[[str], None]) -> Deferred[None]: ...

    def execute(self, sql: str, arguments: Any) -> Deferred[None]: ...


class Tracing(Service):
    """The traces that are wanted now."""

    _log = Logger()
    name = "tracing"

    def __init__(self, reactor: Any, session: Listens, now: Callable[[], float] = time.time) -> None:
        self._reactor = reactor
        self._session = session
        self._now = now
        self._notices = Notices(session)
        self.traced: dict[str, tuple[str, ...]] = {}
        """The channels that are told of each device that is traced."""
        self._ends: dict[tuple[str, str], IDelayedCall] = {}

    def startService(self) -> None:
        super().startService()
        self._session.listen(CHANNEL, self.hear)

    def stopService(self) -> None:
        super().stopService()
        for device, channel in list(self._ends):
            self._end(device, channel)

    def tracer(self, receiver: str) -> Tracer:
        """What the sessions of this receiver tell."""
        return Tracer(self, receiver)

    def hear(self, payload: str) -> None:
        """Somebody notified CHANNEL of this."""
        try:
            request = json.decode(payload, type=Request)
        except ValidationError as error:
            self._log.warn(
                "{channel}: {payload} is no request: {error}", channel=CHANNEL, payload=payload[:200], error=str(error)
            )
            return
        except ValueError:
            self._log.warn("{channel}: {payload} is not JSON", channel=CHANNEL, payload=payload[:200])
            return
        if self.running:
            self._take(request)

    def tell(self, device: str, event: Mapping[str, Any]) -> None:
        """Tell whoever traces this device."""
        hora = time_text(self._now())
        for channel in self.traced.get(device, ()):
            self._notices.tell(channel, {"tipo": event["tipo"], "hora": hora, "dispositivo": device, **event})

    def _take(self, request: Request) -> None:
        device, channel = request.dispositivo, request.canal
        is_known = (device, channel) in self._ends
        if is_known and not request.segundos:
            self._end(device, channel)
            return
        if is_known:
            self._ends.pop((device, channel)).cancel()
        elif not request.segundos or len(self._ends) >= MOST:
            return
        else:
            self.traced[device] = (*self.traced.get(device, ()), channel)
        self._ends[device, channel] = self._reactor.callLater(request.segundos, self._end, device, channel)
        if not is_known:
            self._log.info("{device} is traced", device=device)
            self._notices.tell(channel, {"tipo": "escucha", "hora": time_text(self._now()), "proceso": os.getpid()})

    def _end(self, device: str, channel: str) -> None:
        ending = self._ends.pop((device, channel))
        if ending.active():
            ending.cancel()
        left = tuple(each for each in self.traced[device] if each != channel)
        if left:
            self.traced[device] = left
        else:
            del self.traced[device]
        self._notices.forget(channel)
        self._log.info("{device} is traced no more", device=device)


class Tracer:
    """What the sessions of one receiver tell of the devices that are traced. A fault in it is no device's."""

    _log = Logger()

    def __init__(self, tracing: Tracing | None = None, receiver: str = "") -> None:
        self.traced: Mapping[str, object] = tracing.traced if tracing is not None else {}
        """By device; empty while nobody asks."""
        self._tracing = tracing
        self._receiver = receiver

    def message(self, vendor: str, peer: str, device: str, message: Message, answering: Deferred[Answer]) -> None:
        """A message was handed in; ``answering`` brings its answer."""
        if device in self.traced:
            begun = time.monotonic()
            self._tell(device, vendor, peer, incoming(message))
            answering.addCallback(self._cb_answer, vendor, peer, device, begun)

    def undecodable(self, vendor: str, peer: str, device: str, data: bytes, reason: str) -> None:
        """What came on this device's connection cannot be decoded."""
        if device in self.traced:
            self._tell(device, vendor, peer, undecodable(data, reason))

    def connection(self, vendor: str, peer: str, device: str, *, is_over: bool) -> None:
        """A connection is known to be this device's, or is over."""
        if device in self.traced:
            self._tell(device, vendor, peer, connection(is_over=is_over))

    def _cb_answer(self, answer: Answer, vendor: str, peer: str, device: str, begun: float) -> Answer:
        self._tell(device, vendor, peer, outgoing(answer, time.monotonic() - begun))
        return answer

    def _tell(self, device: str, vendor: str, peer: str, event: Mapping[str, Any]) -> None:
        assert self._tracing is not None
        try:
            self._tracing.tell(device, {**event, "receptor": self._receiver, "protocolo": vendor, "origen": peer})
        except Exception:
            self._log.failure("the trace of {device} lacks something", device=device)
