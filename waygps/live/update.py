"""What clients are told of a vehicle: one flat row, made once, from which every form of the message is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from msgspec import Struct, msgpack
from msgspec.structs import replace

from waygps.position import Position, Vehicle

FIELDS = (
    "mobile_id",
    "latitud",
    "longitud",
    "altitud",
    "velocidad",
    "rumbo",
    "satelites",
    "hdop",
    "ignicion",
    "bateria",
    "odometro",
    "fecha_gps",
    "fecha_recepcion",
    "calidad_datos",
    "alarma",
    "imei",
    "patente",
)
"""The values of a row, in order; the two times are milliseconds since 1970 UTC."""

_LATITUDE, _LONGITUDE, _SPEED, _COURSE, _TIME = (
    FIELDS.index(name) for name in ("latitud", "longitud", "velocidad", "rumbo", "fecha_gps")
)
_KEPT = tuple(FIELDS.index(name) for name in ("satelites", "hdop", "ignicion", "bateria", "odometro", "alarma"))
"""What a report that leaves it out does not deny: it is handed on from the update that is overtaken."""

MOST_POINTS = 200
"""Points between two updates of a vehicle; of more the newest."""

Point = tuple[int, float, float, float | None, float | None]
"""Time in milliseconds, latitude, longitude, speed, course."""


class Update(Struct, frozen=True, array_like=True):
    """The state of a vehicle, and the points since the update before."""

    row: tuple[Any, ...]
    trail: tuple[Point, ...] = ()

    @property
    def vehicle(self) -> int:
        """The vehicle's number."""
        return int(self.row[0])

    @property
    def place(self) -> tuple[float, float]:
        """Latitude and longitude in degrees."""
        return self.row[_LATITUDE], self.row[_LONGITUDE]

    def after(self, older: Update, most: int = MOST_POINTS) -> Update:
        """This one in the place of an older one that was not sent: nothing that only the older one said is lost."""
        row = self.row
        lost = [at for at in _KEPT if row[at] is None and older.row[at] is not None]
        if lost:
            row = tuple(older.row[at] if at in lost else value for at, value in enumerate(row))
        trail = tuple(chain(older.trail, (_point(older.row),), self.trail)) if most else ()
        return Update(row, trail[-most:])

    def alone(self) -> Update:
        """Without the points."""
        return replace(self, trail=()) if self.trail else self


class Said(Struct, frozen=True):
    """A finished message about a vehicle."""

    vehicle: int
    message: bytes


Item = Update | Said


def update(vehicle: Vehicle, newest: Position, place: Position, passed: Sequence[Position] = ()) -> Update:
    """The update of a vehicle whose newest report is ``newest``, whose last valid position is ``place``, and that passed these.

    ``fecha_gps`` is the report's moment, as in moviles and so in initial_state: pages leave out what is older than what they
    show, and the time of a clock that is wrong would freeze the vehicle there.
    """
    fix, valid = newest.fix, place.fix
    row = (
        vehicle.id,
        round(valid.lat, 6),
        round(valid.lon, 6),
        valid.altitude_m,
        valid.speed_kmh,
        valid.course_deg,
        fix.satellites,
        fix.hdop,
        fix.ignition,
        fix.battery_pct,
        fix.odometer_km,
        newest.moment,
        newest.received,
        newest.quality,
        fix.alarm,
        vehicle.imei,
        vehicle.patente,
    )
    return Update(row, tuple(map(_passed, passed[-MOST_POINTS:])))


encoded = msgpack.Encoder().encode
"""An update for another process."""
decoded = msgpack.Decoder(Update).decode


def moment(ms: int) -> datetime:
    """These milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def _point(row: tuple[Any, ...]) -> Point:
    return row[_TIME], row[_LATITUDE], row[_LONGITUDE], row[_SPEED], row[_COURSE]


def _passed(position: Position) -> Point:
    fix = position.fix
    return position.moment, round(fix.lat, 6), round(fix.lon, 6), fix.speed_kmh, fix.course_deg
