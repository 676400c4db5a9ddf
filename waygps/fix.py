"""The values that flow from a device to the store: a message, and the fixes in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import Struct

Attributes = dict[str, Any]


class Fix(Struct, frozen=True, kw_only=True, gc=False):
    """One position of one vehicle at one time, as the device reported it.

    A decoder fills in what the message says and nothing else; ``None`` means that the message does not say.
    """

    time: int | None
    """Milliseconds since 1970-01-01 UTC at which the position was taken; None: the message has no usable time."""
    lat: float
    """Degrees, WGS 84, north positive."""
    lon: float
    """Degrees, WGS 84, east positive."""
    valid: bool = True
    """False: the receiver had no fix, and the coordinates are the last known ones or nothing."""
    altitude_m: float | None = None
    """Metres above mean sea level."""
    speed_kmh: float | None = None
    course_deg: float | None = None
    """Course over ground, degrees clockwise from true north, 0 <= course < 360."""
    satellites: int | None = None
    """Satellites used in the solution."""
    hdop: float | None = None
    """Horizontal dilution of precision; 0 where the device has no figure."""
    ignition: bool | None = None
    battery_pct: int | None = None
    """Charge of the device's own battery, 0..100."""
    battery_v: float | None = None
    """Volts of the device's own battery."""
    power_v: float | None = None
    """Volts of the vehicle's supply."""
    odometer_km: float | None = None
    gsm: int | None = None
    """Signal strength of the mobile network, in the vendor's own steps."""
    alarm: str | None = None
    """One of the events of waygps.events, or None."""
    driver: str | None = None
    """Identification of the driver (iButton, card), as the vendor writes it."""
    attributes: Attributes = {}
    """Everything else, by the names of the protocol's sheet; values are JSON types."""


class Vitals(Struct, frozen=True, kw_only=True, gc=False):
    """What a message without a position says of its vehicle; it changes the vehicle's current state, and makes no history."""

    ignition: bool | None = None
    battery_pct: int | None = None
    battery_v: float | None = None
    power_v: float | None = None
    gsm: int | None = None
    alarm: str | None = None
    """One of the events of waygps.events, or None."""


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """One message of a device, complete: what it reports and how it is to be answered."""

    device: str
    """Identification of the device (IMEI where it has one); empty only in a message that has no fixes and is just answered."""
    fixes: tuple[Fix, ...] = ()
    reply: bytes = b""
    """Written to the device when every fix is durable; empty: the protocol has no answer to this message."""
    timed_reply: Callable[[datetime], bytes] | None = None
    """Makes the reply where it has to say what time it is (UTC), which a decoder does not know; it replaces ``reply``."""
    refusal: bytes = b""
    """Written instead of ``reply``, and the connection closed, when the device is not accepted."""
    raw: bytes = b""
    """The bytes of the message, for the trace and for what cannot be stored."""
    unreadable: str = ""
    """Why a report in the message could not be read; the message is kept with this reason before it is answered."""
    vitals: Vitals | None = None
    """What the message says of the vehicle without saying where it is: a heartbeat's battery, ignition, alarm."""
    warnings: tuple[str, ...] = ()
    """What was wrong with the message without costing a fix: a broken optional field, garbage skipped before it."""
