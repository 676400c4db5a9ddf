"""Whether a fix can be true: what cannot be is refused with a reason, an optional value that cannot be is dropped."""

from __future__ import annotations

import re
from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from waygps.fix import Fix

DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,31}", re.ASCII)

RANGES: dict[str, tuple[float, float]] = {
    "altitude_m": (-12_000, 100_000),
    "speed_kmh": (0, 2_000),
    "course_deg": (0, 360),
    "satellites": (0, 255),
    "hdop": (0, 99.99),
    "battery_pct": (0, 100),
    "odometer_km": (0, 99_999_999),
}
"""What an optional value may be; outside of it the value is dropped and the fix kept. 360 degrees are 0."""


ROUNDS_TO_360 = 359.995
"""The course has two decimals in the database, where 360 is 0."""


class Limits(Struct, frozen=True):
    """What times are believed, milliseconds since 1970 UTC."""

    earliest: int = 946_684_800_000
    """No tracker reported before 2000-01-01: earlier is a clock that never was set, or a week number that rolled over."""
    future: int = 600_000
    """How far ahead of the reception a fix may be: ten minutes, more than clocks drift and less than a wrong time zone."""


def device_fault(device: str) -> str:
    """Why this cannot be a device's identification; "" where it can."""
    if DEVICE.fullmatch(device):
        return ""
    return f"{device[:40]!r} is not an identification: 1 to 32 letters, digits and _ . : -, the first a letter or digit"


def fault(fix: Fix, received: int, limits: Limits) -> str:
    """Why this fix cannot be a position; "" where it can."""
    if not -90 <= fix.lat <= 90:
        return f"latitude {fix.lat} is outside -90..90"
    if not -180 <= fix.lon <= 180:
        return f"longitude {fix.lon} is outside -180..180"
    if fix.time is None:
        return ""
    if fix.time < limits.earliest:
        return f"time {fix.time} ms is before 2000: the device's clock is not set"
    if is_future(fix, received, limits):
        return f"time is {(fix.time - received) // 1000} s ahead of the reception: the device's clock is wrong"
    return ""


def is_future(fix: Fix, received: int, limits: Limits) -> bool:
    """Whether the fix is ahead of its reception by more than is tolerated."""
    return fix.time is not None and fix.time > received + limits.future


def mended(fix: Fix) -> tuple[Fix, list[str]]:
    """The fix without the optional values that cannot be true, and a warning for each."""
    if _is_sound(fix):
        return fix, []
    changes: dict[str, object] = {}
    warnings = []
    for name, (low, high) in RANGES.items():
        value = getattr(fix, name)
        if value is not None and not (isfinite(value) and low <= value <= high):
            changes[name] = None
            warnings.append(f"{name} {value} is outside {low}..{high} and was dropped")
    if fix.course_deg is not None and ROUNDS_TO_360 <= fix.course_deg <= 360:
        changes["course_deg"] = 0.0
    return replace(fix, **changes), warnings


def _is_sound(fix: Fix) -> bool:
    """The usual case in one expression: this runs for every fix."""
    return (
        (fix.speed_kmh is None or 0 <= fix.speed_kmh <= 2_000)
        and (fix.course_deg is None or 0 <= fix.course_deg < ROUNDS_TO_360)
        and (fix.altitude_m is None or -12_000 <= fix.altitude_m <= 100_000)
        and (fix.satellites is None or 0 <= fix.satellites <= 255)
        and (fix.hdop is None or 0 <= fix.hdop <= 99.99)
        and (fix.battery_pct is None or 0 <= fix.battery_pct <= 100)
        and (fix.odometer_km is None or 0 <= fix.odometer_km <= 99_999_999)
    )
