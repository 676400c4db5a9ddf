"""The messages of /ws/, with the keys that the database has and the ones that pages of this kind read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct, json

from waygps.live.update import FIELDS, Update, moment, update
from waygps.position import Position, Vehicle

encode = json.Encoder().encode


class GpsData(Struct):
    """A position as a gps_update carries it."""

    latitud: float
    longitud: float
    altitud: float | None
    velocidad: float | None
    rumbo: float | None
    satelites: int | None
    hdop: float | None
    ignicion: bool | None
    bateria: int | None
    odometro: float | None
    fecha_gps: datetime
    fecha_recepcion: datetime
    calidad_datos: str
    alarma: str | None
    imei: str
    patente: str | None


class TrailPoint(Struct):
    """A point between two updates."""

    fecha_gps: datetime
    latitud: float
    longitud: float
    velocidad: float | None
    rumbo: float | None


class GpsUpdate(Struct, tag_field="type", tag="gps_update", omit_defaults=True):
    """A vehicle moved."""

    mobile_id: int
    data: GpsData
    trail: list[TrailPoint] = []
    """The points since the update before, oldest first; for who asked for them."""


class MobileStatus(Struct, tag_field="type", tag="mobile_status"):
    """A device connected, went away, or is in error."""

    mobile_id: int
    status: str


class SystemAlert(Struct, tag_field="type", tag="system_alert"):
    """Something happened to the server."""

    alert_type: str
    message: str


class Problem(Struct, tag_field="type", tag="error"):
    """The answer to a message that is not understood."""

    message: str


class SubscribeMobile(Struct, tag_field="type", tag="subscribe_mobile"):
    """Hear of this vehicle."""

    mobile_id: int


class UnsubscribeMobile(Struct, tag_field="type", tag="unsubscribe_mobile"):
    """Hear of this vehicle no more."""

    mobile_id: int


class SubscribeArea(Struct, tag_field="type", tag="subscribe_area"):
    """Hear of the vehicles in this rectangle, in degrees; one whose west is east of its east crosses the date line."""

    sur: Annotated[float, Meta(ge=-90, le=90)]
    oeste: Annotated[float, Meta(ge=-180, le=180)]
    norte: Annotated[float, Meta(ge=-90, le=90)]
    este: Annotated[float, Meta(ge=-180, le=180)]


class UnsubscribeArea(Struct, tag_field="type", tag="unsubscribe_area"):
    """Hear of the rectangle no more."""


class SubscribeAll(Struct, tag_field="type", tag="subscribe_all"):
    """Hear of all vehicles, as at the beginning."""


class Options(Struct, tag_field="type", tag="options", frozen=True):
    """How the client wants to be told; what is left out has its default."""

    compact: bool = False
    """gps_batch in place of gps_update."""
    trail: bool = False
    """The points between two updates of a vehicle are sent along."""
    interval: Annotated[float, Meta(ge=0, le=3600)] = 0
    """Seconds between two updates of a vehicle; the server's own interval where that is longer."""
    heartbeat: bool = False
    """A heartbeat message while the connection lives, for pages, which do not see pings."""


class OptionsTaken(Struct, tag_field="type", tag="options"):
    """The answer to Options: what holds now."""

    compact: bool
    trail: bool
    interval: float
    heartbeat: float
    """Seconds from one heartbeat to the next; 0: none."""
    fields: tuple[str, ...] = FIELDS
    """The names of a gps_batch row's values."""


ClientMessage = SubscribeMobile | UnsubscribeMobile | SubscribeArea | UnsubscribeArea | SubscribeAll | Options

HEARTBEAT = b'{"type":"heartbeat"}'


def gps_update(vehicle: Vehicle, newest: Position, place: Position) -> bytes:
    """The gps_update of a vehicle whose newest report is ``newest`` and whose last valid position is ``place``."""
    return plain(update(vehicle, newest, place), trail=False)


def plain(said: Update, trail: bool) -> bytes:
    """This update as a gps_update."""
    named = dict(zip(FIELDS, said.row, strict=True))
    number, fixed, received = (named.pop(name) for name in ("mobile_id", "fecha_gps", "fecha_recepcion"))
    data = GpsData(**named, fecha_gps=moment(fixed), fecha_recepcion=moment(received))
    points = [TrailPoint(moment(time), lat, lon, *motion) for time, lat, lon, *motion in said.trail] if trail else []
    return encode(GpsUpdate(number, data, points))


def row(said: Update, trail: bool) -> bytes:
    """This update as an element of a gps_batch."""
    return encode((*said.row, said.trail) if trail else said.row)


def gps_batch(rows: list[bytes]) -> bytes:
    """The compact form: one array a vehicle."""
    return b'{"type":"gps_batch","updates":[' + b",".join(rows) + b"]}"


def mobile_status(vehicle: int, state: str) -> bytes:
    """The mobile_status of this vehicle: conectado, desconectado or error."""
    return encode(MobileStatus(vehicle, state))


def system_alert(kind: str, text: str) -> bytes:
    """The system_alert of this kind."""
    return encode(SystemAlert(kind, text))


def initial_state(mobiles: str) -> bytes:
    """The initial_state with this JSON array of vehicles."""
    return b'{"type":"initial_state","mobiles":' + mobiles.encode() + b"}"


_client_messages = json.Decoder(ClientMessage)


def client_message(payload: bytes) -> ClientMessage:
    """Read a client's message. Raises ValueError (msgspec's) that says what is wrong."""
    message: ClientMessage = _client_messages.decode(payload)
    return message
