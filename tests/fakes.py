"""Stand-ins that the tests share: each provides the interface of what it stands for, and keeps what was asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IPushProducer
from twisted.logger import LogEvent, capturedLogs, formatEvent
from zope.interface import implementer

from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.interfaces import Answer, IDecoder, ISession, ISessionFactory
from waygps.origin import Origin, Policy
from waygps.pipeline.pipeline import Receipt
from waygps.position import Parcel, Position, Stored, Vehicle, fingerprint, position

NOON = 1_795_521_600_000
"""2026-11-24 12:00:00 UTC, in milliseconds."""


def a_fix(time: int | None = NOON, lat: float = -34.6, lon: float = -58.4, **more: Any) -> Fix:
    """A fix in Buenos Aires."""
    return Fix(time=time, lat=lat, lon=lon, **more)


def a_position(vehicle: Vehicle, fix: Fix, received: int = NOON) -> Position:
    """What the pipeline makes of a fix."""
    return position(vehicle, fix, "buena", "lines", received, fingerprint(fix))


@contextmanager
def logged() -> Iterator[list[str]]:
    """What an operator reads in the log meanwhile: a list that is complete when the block ends."""
    lines: list[str] = []
    with capturedLogs() as events:
        yield lines
    lines.extend(told(events))


def told(events: Iterable[LogEvent]) -> list[str]:
    """The events of the log as an operator reads them."""
    return [formatEvent(event) for event in events]


@implementer(IPushProducer)
class FakeProducer:
    """A connection that can be told not to read."""

    def __init__(self) -> None:
        self.paused = False
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.paused = True
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.paused = False
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


@implementer(IDecoder)
class LineDecoder:
    """A made-up protocol: DEVICE TEXT lines, each a fix answered ``ack TEXT``; a line that begins with ! is not of it."""

    max_buffer = 1000

    def __init__(self) -> None:
        self._rest = b""

    @property
    def held(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[Message]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield self._message(line)

    def end(self) -> Iterator[Message]:
        line, self._rest = self._rest, b""
        if line:
            yield self._message(line)

    def _message(self, line: bytes) -> Message:
        if line.startswith(b"!"):
            raise DecodeError("a line begins with !", line)
        device, _, text = line.partition(b" ")
        return Message(device=device.decode(), fixes=(a_fix(),), reply=b"ack " + text + b"\n", refusal=b"no\n", raw=line)


@implementer(ISession)
class FakeSession:
    """Keeps the messages; the test answers them with ``answer``."""

    def __init__(self, peer: str, producer: IPushProducer | None) -> None:
        self.peer = peer
        self.producer = producer
        self.ended = self.garbled = 0
        self.messages: list[Message] = []
        self._waiting: list[Deferred[Answer]] = []

    def submit(self, message: Message) -> Deferred[Answer]:
        self.messages.append(message)
        waiting: Deferred[Answer] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def undecodable(self, data: bytes = b"", reason: str = "") -> None:
        self.garbled += 1

    def end(self) -> None:
        self.ended += 1

    def answer(self, number: int, answer: Answer | None = None) -> None:
        """Message ``number`` is durable: it may be answered, with its own reply unless another is given."""
        self._waiting[number].callback(answer or Answer(self.messages[number].reply))


@implementer(ISessionFactory)
class FakeSessions:
    """Makes sessions and keeps them."""

    def __init__(self) -> None:
        self.made: list[FakeSession] = []

    def session(self, peer: str, producer: IPushProducer | None = None) -> FakeSession:
        self.made.append(FakeSession(peer, producer))
        return self.made[-1]


class FakeVehicles:
    """The vehicles of the table moviles, by IMEI; ``pending`` has what is being asked of the database."""

    def __init__(self, *vehicles: Vehicle) -> None:
        self.known = {vehicle.imei: vehicle for vehicle in vehicles}
        self.pending: dict[str, Deferred[Vehicle | None]] = {}
        self.asked: list[str] = []

    def find(self, imei: str, unknown: Policy) -> Vehicle | Deferred[Vehicle | None] | None:
        self.asked.append(imei)
        return self.pending.get(imei) or self.known.get(imei)


class FakeWriter:
    """Keeps what is to be written; the test says what became of it."""

    def __init__(self) -> None:
        self.written: list[Parcel] = []
        self.commits: list[Deferred[Stored]] = []

    def write(self, parcel: Parcel) -> Deferred[Stored]:
        self.written.append(parcel)
        self.commits.append(Deferred())
        return self.commits[-1]

    def commit(self, number: int = -1, moved: Iterable[int] = ()) -> None:
        """Write ``number`` is in the database, and moved these vehicles."""
        self.commits[number].callback(Stored(1, frozenset(moved)))


class FakePipeline:
    """Keeps the messages; the test fires the receipts."""

    def __init__(self) -> None:
        self.submitted: list[tuple[Message, Origin, str]] = []
        self.receipts: list[Deferred[Receipt]] = []

    def submit(self, message: Message, origin: Origin, peer: str) -> Deferred[Receipt]:
        self.submitted.append((message, origin, peer))
        self.receipts.append(Deferred())
        return self.receipts[-1]


class FakeReactor:
    """Can be stopped, as the real one only while it runs."""

    def __init__(self, running: bool = True) -> None:
        self.running = running
        self.stops = 0
        self._hooks: list[Any] = []

    def callWhenRunning(  # noqa: N802
        self, call: Any, *arguments: Any
    ) -> None:
        if self.running:
            call(*arguments)
        else:
            self._hooks.append((call, arguments))

    def run(self) -> None:
        """Begin to run."""
        self.running = True
        for call, arguments in self._hooks:
            call(*arguments)

    def stop(self) -> None:
        if not self.running:
            raise ReactorNotRunning("Can't stop reactor that isn't running.")
        self.stops += 1
