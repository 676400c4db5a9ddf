"""From the pipeline to the clients: each update is encoded once and offered to everyone who wants its vehicle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec.structs import replace
from twisted.logger import Logger

from waygps.fix import Vitals
from waygps.live.bus import Bus, NoBus
from waygps.live.messages import gps_update, mobile_status, system_alert
from waygps.position import Position, Vehicle

K = TypeVar("K")


class Client(Protocol):
    """A connected browser or program."""

    session: bytes

    def offer(self, vehicle: int, message: bytes) -> None:
        """Send this update if the client wants its vehicle."""

    def status(self, vehicle: int, message: bytes) -> None:
        """Send this mobile_status if the client wants its vehicle; of several that wait, the newest."""

    def alert(self, kind: str, message: bytes) -> None:
        """Send this system_alert; of several of one kind that wait, the newest."""

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""


SESSION_ENDED = 4401
"""Close code of a WebSocket whose login ended."""

FAULT = 4500
"""Close code of a WebSocket that could not be served."""


class Hub:
    """The clients of /ws/gps/, and the last valid position of each vehicle heard of since the start (at most one a vehicle).

    What this process learns goes to its own clients and over the bus to the other processes', encoded once.
    """

    _log = Logger()

    def __init__(self, bus: Bus | None = None) -> None:
        self._clients: set[Client] = set()
        self._places: dict[int, Position] = {}
        self._is_alone = bus is None
        self._bus: Bus = bus or NoBus()
        self._bus.subscribe("gps", lambda payload: self._offer(*_split(payload)))
        self._bus.subscribe("estado", lambda payload: self._status(*_split(payload)))
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

    def tell(self, vehicle: Vehicle, positions: Sequence[Position]) -> None:
        """A listener of the pipeline: these positions moved the vehicle. One without a valid position yet is not shown."""
        known = [self._places[vehicle.id]] if vehicle.id in self._places else []
        places = known + [position for position in positions if position.fix.valid]
        if not places:
            return
        self._places[vehicle.id] = place = _newest(places)
        if self._is_watched:
            self._spread(vehicle.id, gps_update(vehicle, _newest(positions), place))

    def status(self, vehicle: int, state: str) -> None:
        """Tell the clients that want this vehicle that it is conectado, desconectado or in error."""
        message = mobile_status(vehicle, state)
        self._status(vehicle, message)
        self._bus.publish("estado", _joined(vehicle, message))

    def vitals(self, vehicle: int, vitals: Vitals) -> None:
        """A message without a position changed what is known of the vehicle: its last place, with that."""
        place = self._places.get(vehicle)
        if place is None or not self._is_watched:
            return
        said = {name: value for name in ("ignition", "battery_pct") if (value := getattr(vitals, name)) is not None}
        self._spread(vehicle, gps_update(place.vehicle, replace(place, fix=replace(place.fix, **said)), place))

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
        for client in tuple(self._clients):
            self._safely(client, client.alert, "initial_state", message)

    @property
    def _is_watched(self) -> bool:
        """Whether anybody may be looking; nobody knows how many look at the other processes."""
        return bool(self._clients) or not self._is_alone

    def _spread(self, vehicle: int, message: bytes) -> None:
        self._offer(vehicle, message)
        self._bus.publish("gps", _joined(vehicle, message))

    def _offer(self, vehicle: int, message: bytes) -> None:
        for client in tuple(self._clients):
            self._safely(client, client.offer, vehicle, message)

    def _status(self, vehicle: int, message: bytes) -> None:
        for client in tuple(self._clients):
            self._safely(client, client.status, vehicle, message)

    def _alert(self, kind: str, message: bytes) -> None:
        for client in tuple(self._clients):
            self._safely(client, client.alert, kind, message)

    def _end_session(self, session: bytes) -> None:
        for client in tuple(self._clients):
            if client.session == session:
                client.end(SESSION_ENDED, "the session has ended")

    def _safely(self, client: Client, send: Callable[[K, bytes], None], key: K, message: bytes) -> None:
        try:
            send(key, message)
        except Exception:  # one client's fault is not the next one's
            self._log.failure("{client} failed and is dropped", client=client)
            self.leave(client)
            client.end(FAULT, "an error of the server")


def _joined(vehicle: int, message: bytes) -> bytes:
    return vehicle.to_bytes(4) + message


def _split(payload: bytes) -> tuple[int, bytes]:
    return int.from_bytes(payload[:4]), payload[4:]


def _split_text(payload: bytes) -> tuple[str, bytes]:
    kind, _, message = payload.partition(b"\0")
    return kind.decode(), message


def _newest(positions: Sequence[Position]) -> Position:
    """The newest; of several at one time the one that came last."""
    return max(reversed(positions), key=lambda position: position.moment)
