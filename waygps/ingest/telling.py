"""What a trace tells, as JSON objects that a notification of PostgreSQL can carry. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import json, to_builtins

from waygps.fix import Fix, Message
from waygps.interfaces import Answer, Outcome

LARGEST = 7900
"""Bytes of a notification; PostgreSQL takes 7999."""
MOST_HEX = 4000
"""Hexadecimal digits of a message that are told in any case where they fit."""
OUTCOMES = {Outcome.STORED: "guardado", Outcome.REFUSED: "rechazado", Outcome.UNAVAILABLE: "no_disponible"}

Event = dict[str, Any]


def incoming(message: Message) -> Event:
    """A message of the device."""
    event = {"tipo": "mensaje", "sentido": "entrada", **_bytes(message.raw), "fixes": [_fix(fix) for fix in message.fixes]}
    if message.warnings:
        event["avisos"] = list(message.warnings)
    if message.vitals is not None:
        event["vitales"] = _said(to_builtins(message.vitals))
    if message.unreadable:
        event["ilegible"] = message.unreadable
    return event


def outgoing(answer: Answer, seconds: float) -> Event:
    """What the device is answered, so many seconds after its message."""
    event = {"tipo": "mensaje", "sentido": "salida", **_bytes(answer.data), "resultado": OUTCOMES[answer.outcome]}
    if answer.reason:
        event["motivo"] = answer.reason
    return {**event, "cierra": answer.close, "ms": round(seconds * 1000, 1)}


def undecodable(data: bytes, reason: str) -> Event:
    """Bytes on the device's connection that are no message."""
    return {"tipo": "indescifrable", "sentido": "entrada", **_bytes(data), "motivo": reason}


def connection(*, is_over: bool) -> Event:
    """A connection of the device."""
    return {"tipo": "desconexion" if is_over else "conexion"}


def encoded(event: Event) -> str:
    """The event as JSON of at most LARGEST bytes. Of a long one hex and fixes are cut, then whole keys left out: it says so."""
    event = dict(event)
    while len(text := json.encode(event)) > LARGEST:
        if len(event.get("hex", "")) > MOST_HEX:
            event |= {"hex": event["hex"][:MOST_HEX], "hex_cortado": True}
        elif len(event.get("fixes", ())) > 1:
            event["fixes_omitidos"] = event.get("fixes_omitidos", 0) + len(event["fixes"]) - len(event["fixes"]) // 2
            event["fixes"] = event["fixes"][: len(event["fixes"]) // 2]
        else:
            left_out = [key for key in ("avisos", "fixes", "vitales", "motivo", "ilegible", "hex") if key in event]
            del event[left_out[0]]
            event["omitido"] = [*event.get("omitido", ()), left_out[0]]
    return text.decode()


def time_text(seconds: float) -> str:
    """ISO 8601 in UTC, of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bytes(data: bytes) -> Event:
    return {"bytes": len(data), "hex": data[: LARGEST // 2].hex(), **({"hex_cortado": True} if len(data) > LARGEST // 2 else {})}


def _fix(fix: Fix) -> Event:
    told = _said(to_builtins(fix))
    try:
        return told | {"time": time_text(fix.time / 1000)} if fix.time is not None else told
    except (ValueError, OverflowError, OSError):  # the pipeline sets such a fix apart
        return told


def _said(values: Event) -> Event:
    return {name: value for name, value in values.items() if value not in (None, {})}
