"""What the pipeline makes of a fix: a position of a known vehicle, ready to be stored, or a refused fix to be kept apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fastcrc import crc32
from msgspec import Struct, json
from msgspec.structs import replace

from waygps.fix import Attributes, Fix, Message
from waygps.origin import Origin

_json = json.Encoder().encode
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class Vehicle(Struct, frozen=True):
    """A row of ``moviles``, as far as the pipeline needs it."""

    id: int
    imei: str
    patente: str | None


class Position(Struct, frozen=True, gc=False):
    """A fix that passed validation, enriched: one row of the history."""

    vehicle: Vehicle
    fix: Fix
    time: int
    """Milliseconds since 1970 UTC: the fix's own time, or the reception's where the message had none."""
    received: int
    """Milliseconds since 1970 UTC at which the message was received."""
    moment: int
    """The time by which it counts as the vehicle's current state, milliseconds since 1970 UTC: its own, but never ahead of the
    reception, and without the error of a clock that is known to be wrong. So no clock can freeze a vehicle."""
    quality: str
    raw: str
    """JSON for the column raw_data."""
    fingerprint: int
    """CRC-32 of the fix as a signed 32-bit number: equal for a retransmission."""


class Refused(Struct, frozen=True):
    """A fix that cannot be a position, with the reason: one row of ``posiciones_rechazadas``."""

    device: str
    reason: str
    fix: str
    """The fix as JSON; an empty object where the message gave none."""
    message: bytes
    time: int | None
    received: int
    fingerprint: int


class Parcel(Struct, frozen=True):
    """What one message brings to the store; durable as a whole or not at all."""

    vehicle: Vehicle
    """Its ``id`` is 0 while the database cannot say which vehicle this device has: only the spool takes such a parcel."""
    positions: Sequence[Position]
    refused: Sequence[Refused]
    message: bytes
    """The bytes that it came in, for what cannot be stored."""
    origin: Origin = Origin()
    peer: str = ""
    """HOST:PORT of the device."""


def reassigned(parcel: Parcel, vehicle: Vehicle) -> Parcel:
    """The parcel as one of this vehicle."""
    if vehicle == parcel.vehicle:
        return parcel
    return replace(parcel, vehicle=vehicle, positions=[replace(each, vehicle=vehicle) for each in parcel.positions])


class Stored(Struct, frozen=True):
    """What became of a batch: the number of rows that were new, and the vehicles (ids) whose current state moved."""

    new: int = 0
    moved: frozenset[int] = frozenset()


class _Raw(Struct, omit_defaults=True):
    """The keys of raw_data; a key that says nothing is left out."""

    protocolo: str = ""
    valido: bool = True
    hora: str = ""
    alarma: str | None = None
    conductor: str | None = None
    bateria_v: float | None = None
    alimentacion_v: float | None = None
    gsm: int | None = None
    atributos: Attributes | None = None


def fingerprint(fix: Fix) -> int:
    """Identify what a fix says, so that the same report sent again is known as such (a signed 32-bit number)."""
    return _signed_crc(_json(fix))


def _signed_crc(data: bytes) -> int:
    return int((crc32.iso_hdlc(data) ^ 0x80000000) - 0x80000000)


def position(vehicle: Vehicle, fix: Fix, quality: str, protocol: str, received: int, mark: int, skew: int = 0) -> Position:
    """Build the row of a valid fix; a fix without a time takes the reception's, and says so in raw_data.

    ``skew``: milliseconds by which the device's clock is known to be ahead.
    """
    raw = _Raw(
        protocolo=protocol,
        valido=fix.valid,
        hora="" if fix.time is not None else "recepcion",
        alarma=fix.alarm,
        conductor=fix.driver,
        bateria_v=fix.battery_v,
        alimentacion_v=fix.power_v,
        gsm=fix.gsm,
        atributos=fix.attributes or None,
    )
    time = received if fix.time is None else fix.time
    moment = min(time - skew, received)
    return Position(vehicle, fix, time, received, moment, quality, storable(_json(raw).decode()), mark)


def storable(text: str) -> str:
    """JSON as PostgreSQL takes it: it has no NUL character, which a device can send in any text."""
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def refused(message: Message, fix: Fix, reason: str, received: int) -> Refused:
    """Build the row of a fix that is kept apart."""
    time = fix.time if fix.time is not None and 0 <= fix.time < _YEAR_10000 else None
    return Refused(message.device, reason, storable(_json(fix).decode()), message.raw, time, received, fingerprint(fix))


def unread(message: Message, received: int) -> Refused:
    """Build the row of a message with a report that could not be read."""
    return Refused(message.device, message.unreadable, "{}", message.raw, None, received, _signed_crc(message.raw))


def set_apart(position: Position, reason: str, message: bytes) -> Refused:
    """Turn a position that the database refuses into the row that keeps it, with the message it came in."""
    fix = storable(_json(position.fix).decode())
    return Refused(position.vehicle.imei, reason, fix, message, position.time, position.received, position.fingerprint)


_YEAR_10000 = 253_402_300_800_000
