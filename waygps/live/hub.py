"""From the pipeline to the clients: each update is encoded once and offered to everyone who wants its vehicle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec.structs import replace
from twisted.logger import Logger

from waygps.fix import Vitals
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
    """The clients of /ws/gps/, and the last valid position of each vehicle heard of since the start (at most one a vehicle)."""

    _log = Logger()

    def __init__(self) -> None:
        self._clients: set[Client] = set()
        self._places: dict[int, Position] = {}

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
        if not self._clients:
            return
        message = gps_update(vehicle, _newest(positions), place)
        for client in tuple(self._clients):
            self._safely(client, client.offer, vehicle.id, message)

    def status(self, vehicle: int, state: str) -> None:
        """Tell the clients that want this vehicle that it is conectado, desconectado or in error."""
        message = mobile_status(vehicle, state)
        for client in tuple(self._clients):
            self._safely(client, client.status, vehicle, message)

    def vitals(self, vehicle: int, vitals: Vitals) -> None:
        """A message without a position changed what is known of the vehicle: its last place, with that."""
        place = self._places.get(vehicle)
        if place is None or not self._clients:
            return
        said = {name: value for name in ("ignition", "battery_pct") if (value := getattr(vitals, name)) is not None}
        message = gps_update(place.vehicle, replace(place, fix=replace(place.fix, **said)), place)
        for client in tuple(self._clients):
            self._safely(client, client.offer, vehicle, message)

    def alarm(self, vehicle: Vehicle, alarm: str) -> None:
        """A vehicle raised an alarm in a message without a position."""
        self.alert("alarma_movil", f"{vehicle.patente or vehicle.imei}: {alarm}")

    def alert(self, kind: str, text: str) -> None:
        """Tell every client of the state of the server."""
        message = system_alert(kind, text)
        for client in tuple(self._clients):
            self._safely(client, client.alert, kind, message)

    def end_session(self, session: bytes) -> None:
        """Close every client that uses this login."""
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


def _newest(positions: Sequence[Position]) -> Position:
    """The newest; of several at one time the one that came last."""
    return max(reversed(positions), key=lambda position: position.moment)
