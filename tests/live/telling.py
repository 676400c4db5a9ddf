"""Updates as the hub makes them, and frames as a browser reads them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from msgspec import json

from tests.fakes import NOON, a_fix, a_position
from waygps.live.update import Update, update
from waygps.position import Vehicle

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def an_update(vehicle: int, lat: float = 1.0, lon: float = 1.0, time: int = NOON, **more: Any) -> Update:
    """This vehicle is there at that time."""
    place = a_position(Vehicle(vehicle, f"A{vehicle}", None), a_fix(time, lat, lon, **more), time)
    return update(place.vehicle, place, place)


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames that a browser receives: opcode, and payload without its compression."""
    while data:
        length, at = data[1], 2
        if length >= 126:
            at = 4 if length == 126 else 10
            length = int.from_bytes(data[2:at])
        payload = data[at : at + length]
        yield data[0] & 15, zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff") if data[0] & 0x40 else payload
        data = data[at + length :]


def texts(data: bytes) -> list[Any]:
    """The messages in these frames."""
    return [json.decode(payload) for opcode, payload in frames(data) if opcode == TEXT]
