"""The messages of /ws/gps/, with the keys that the database has and the ones that pages of this kind read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct, json

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


class GpsUpdate(Struct, tag_field="type", tag="gps_update"):
    """A vehicle moved."""

    mobile_id: int
    data: GpsData


class MobileStatus(Struct, tag_field="type", tag="mobile_status"):
    """A device connected, went away, or is in error."""

    mobile_id: int
    status: str


class SystemAlert(Struct, tag_field="type", tag="system_alert"):
    """Something happened to the server."""

    alert_type: str
    message: str


class ClientMessage(Struct):
    """What a client may send."""

    type: Literal["subscribe_mobile", "unsubscribe_mobile"]
    mobile_id: int


class Problem(Struct, tag_field="type", tag="error"):
    """The answer to a message that is not understood."""

    message: str


def gps_update(vehicle: Vehicle, newest: Position, place: Position) -> bytes:
    """The gps_update of a vehicle whose newest report is ``newest`` and whose last valid position is ``place``.

    ``fecha_gps`` is the report's moment, as in moviles and so in initial_state: pages leave out what is older than what they
    show, and the time of a clock that is wrong would freeze the vehicle there.
    """
    fix, valid = newest.fix, place.fix
    data = GpsData(
        latitud=round(valid.lat, 6),
        longitud=round(valid.lon, 6),
        altitud=valid.altitude_m,
        velocidad=valid.speed_kmh,
        rumbo=valid.course_deg,
        satelites=fix.satellites,
        hdop=fix.hdop,
        ignicion=fix.ignition,
        bateria=fix.battery_pct,
        odometro=fix.odometer_km,
        fecha_gps=_time(newest.moment),
        fecha_recepcion=_time(newest.received),
        calidad_datos=newest.quality,
        alarma=fix.alarm,
        imei=vehicle.imei,
        patente=vehicle.patente,
    )
    return encode(GpsUpdate(vehicle.id, data))


def mobile_status(vehicle: int, state: str) -> bytes:
    """The mobile_status of this vehicle: conectado, desconectado or error."""
    return encode(MobileStatus(vehicle, state))


def system_alert(kind: str, text: str) -> bytes:
    """The system_alert of this kind."""
    return encode(SystemAlert(kind, text))


def initial_state(mobiles: str) -> bytes:
    """The initial_state with this JSON array of vehicles."""
    return b'{"type":"initial_state","mobiles":' + mobiles.encode() + b"}"


def client_message(payload: bytes) -> ClientMessage:
    """Read a client's message. Raises ValueError (msgspec's) that says what is wrong."""
    return json.decode(payload, type=ClientMessage)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
