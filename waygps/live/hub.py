"""From the pipeline to the clients: each update is encoded once for everyone who gets the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from msgspec.structs import replace
from twisted.logger import Logger

from waygps.fix import Vitals
from waygps.live.batch import Batch
from waygps.live.bus import Bus, NoBus
from waygps.live.messages import mobile_status, system_alert
from waygps.live.pace import Flush, Pace
from waygps.live.update import Item, Said, Update, decoded, encoded, update
from waygps.position import Position, Vehicle


class Client(Protocol):
    """A connected browser or program."""

    session: bytes

    def take(self, batch: Batch) -> None:
        """Send what of this the client wants, now or, of several that wait, the newest."""

    def alert(self, kind: str, message: bytes) -> None:
        """Send this message; of several of one kind that wait, the newest."""

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""


SESSION_ENDED = 4401
"""Close code of a WebSocket whose login ended."""

FAULT = 4500
"""Close code of a WebSocket that could not be served."""

AT_ONCE = 50
"""Clients that are told in one turn of the event loop."""


class Hub:
    """The clients of /ws/, and the last valid position of each vehicle heard of since the start (at most one a vehicle).

    What this process learns goes to its own clients and over the bus to the other processes'. With a ``clock`` a vehicle is told
    once in ``interval`` seconds; without one, at once.
    """

    _log = Logger()

    def __init__(self, bus: Bus | None = None, clock: Any = None, interval: float = 1.0) -> None:
        self._clients: set[Client] = set()
        self._places: dict[int, Position] = {}
        self._told: dict[int, Update] = {}
        self._clock = clock
        self._pace = Pace(clock, interval, self._flush) if clock else _AtOnce(self._flush)
        self._is_alone = bus is None
        self._bus: Bus = bus or NoBus()
        self._bus.subscribe("gps", lambda payload: self._offer(decoded(payload)))
        self._bus.subscribe("estado", lambda payload: self._say(Said(int.from_bytes(payload[:4]), payload[4:])))
        self._bus.subscribe("alerta", lambda payload: self._alert(*_split_text(payload)))
        self._bus.subscribe("sesion", self._end_session)

    def join(self, client: Client) -> None:
        """Begin to offer updates to this client."""
        self._clients.add(client)

    def leave(self, client: Client) -> None:
        """The client is gone."""
        self._clients.discard(client)

    def __len__(self) -> int:
        return len(self._clients)

    def known(self) -> Iterator[Update]:
        """The last state of each vehicle heard of, for who begins to want it."""
        for place in self._places.values():
            if place.vehicle.id not in self._told:
                yield update(place.vehicle, place, place)
        yield from self._told.values()

    def tell(self, vehicle: Vehicle, positions: Sequence[Position]) -> None:
        """A listener of the pipeline: these positions moved the vehicle. One without a valid position yet is not shown."""
        known = [self._places[vehicle.id]] if vehicle.id in self._places else []
        passed = [position for position in positions if position.fix.valid]
        if not known and not passed:
            return
        self._places[vehicle.id] = place = _newest([*known, *passed])
        if self._is_watched:
            self._spread(update(vehicle, _newest(positions), place, _between(known, passed, place)))
        else:
            self._told.pop(vehicle.id, None)

    def status(self, vehicle: int, state: str) -> None:
        """Tell the clients that want this vehicle that it is conectado, desconectado or in error."""
        message = mobile_status(vehicle, state)
        self._say(Said(vehicle, message))
        self._bus.publish("estado", vehicle.to_bytes(4) + message)

    def vitals(self, vehicle: int, vitals: Vitals) -> None:
        """A message without a position changed what is known of the vehicle: its last place, with that."""
        place = self._places.get(vehicle)
        if place is None or not self._is_watched:
            return
        said = {name: value for name in ("ignition", "battery_pct") if (value := getattr(vitals, name)) is not None}
        self._spread(update(place.vehicle, replace(place, fix=replace(place.fix, **said)), place))

    def alarm(self, vehicle: Vehicle, alarm: str) -> None:
        """A vehicle raised an alarm in a message without a position."""
        self.alert("alarma_movil", f"{vehicle.patente or vehicle.imei}: {alarm}")

    def alert(self, kind: str, text: str) -> None:
        """Tell every client of the state of the server."""
        message = system_alert(kind, text)
        self._alert(kind, message)
        self._bus.publish("alerta", kind.encode() + b"\0" + message)

    def end_session(self, session: bytes) -> None:
        """Close every client that uses this login."""
        self._end_session(session)
        self._bus.publish("sesion", session)

    def renew(self, message: bytes) -> None:
        """Tell every client how all vehicles are: something may have been missed."""
        self._alert("initial_state", message)

    @property
    def _is_watched(self) -> bool:
        """Whether anybody may be looking; nobody knows how many look at the other processes."""
        return bool(self._clients) or not self._is_alone

    def _spread(self, said: Update) -> None:
        self._offer(said)
        self._bus.publish("gps", encoded(said))

    def _offer(self, said: Update) -> None:
        self._told[said.vehicle] = said.alone()
        self._pace.offer(said)

    def _say(self, said: Said) -> None:
        if self._clients:
            self._pace.say(said)

    def _flush(self, items: Sequence[Item], done: Callable[[], None]) -> None:
        self._tell_some(Batch(items), list(self._clients), done)

    def _tell_some(self, batch: Batch, clients: Sequence[Client], done: Callable[[], None]) -> None:
        """Some clients at a time: between them the event loop reads what devices say."""
        now, later = (clients[:AT_ONCE], clients[AT_ONCE:]) if self._clock else (clients, [])
        for client in now:
            if client in self._clients:
                self._safely(client, lambda client: client.take(batch))
        if later:
            self._clock.callLater(0, self._tell_some, batch, later, done)
        else:
            done()

    def _alert(self, kind: str, message: bytes) -> None:
        for client in tuple(self._clients):
            self._safely(client, lambda client: client.alert(kind, message))

    def _end_session(self, session: bytes) -> None:
        for client in tuple(self._clients):
            if client.session == session:
                client.end(SESSION_ENDED, "the session has ended")

    def _safely(self, client: Client, send: Callable[[Client], None]) -> None:
        try:
            send(client)
        except Exception:  # one client's fault is not the next one's
            self._log.failure("{client} failed and is dropped", client=client)
            self.leave(client)
            client.end(FAULT, "an error of the server")


class _AtOnce:
    """No pace at all."""

    def __init__(self, flush: Flush) -> None:
        self._flush = flush

    def offer(self, said: Update) -> None:
        self._flush([said], lambda: None)

    def say(self, said: Said) -> None:
        self._flush([said], lambda: None)


def _split_text(payload: bytes) -> tuple[str, bytes]:
    kind, _, message = payload.partition(b"\0")
    return kind.decode(), message


def _between(known: Sequence[Position], passed: Sequence[Position], place: Position) -> list[Position]:
    """The points on the way from the place that was known to this one, in order."""
    since = known[0].moment if known else 0
    return sorted((each for each in passed if each is not place and each.moment > since), key=lambda each: each.moment)


def _newest(positions: Sequence[Position]) -> Position:
    """The newest; of several at one time the one that came last."""
    return max(reversed(positions), key=lambda position: position.moment)
