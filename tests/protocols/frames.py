"""The real messages in tests/frames/: one JSON object a line, the bytes with the decoding to expect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

FRAMES = Path(__file__).parents[1] / "frames"


class Expected(msgspec.Struct):
    """A fix as an independent decoder saw it."""

    device: str
    time: datetime | None
    lat: float
    lon: float
    valid: bool
    altitude_m: float | None = None
    speed_kmh: float | None = None
    course_deg: float | None = None
    satellites: int | None = None
    hdop: float | None = None
    ignition: bool | None = None
    battery_pct: float | None = None
    battery_v: float | None = None
    power_v: float | None = None
    odometer_km: float | None = None
    gsm: int | None = None
    alarm: str | None = None
    driver: str | None = None


class Frame(msgspec.Struct):
    """One captured message. ``device`` is the identification that its connection had given by then."""

    id: str
    group: str
    transport: Any
    fixes: list[Expected]
    device: str | None = None
    frame: str | None = None
    request: dict[str, Any] | None = None
    checksum_ok: bool | None = None

    @property
    def data(self) -> bytes:
        """The bytes of the message, delimiter included."""
        return bytes.fromhex(self.frame or "")


def frames(vendor: str) -> Iterator[Frame]:
    """Every message kept for the vendor, in file order."""
    for line in (FRAMES / f"{vendor}.jsonl").read_bytes().splitlines():
        yield msgspec.json.decode(line, type=Frame)
