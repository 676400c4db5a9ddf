"""The events of a trace for people. What a device wrote cannot steer the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Event = dict[str, Any]
WIDTH = 16
"""Bytes a line of a dump."""


def shown(event: Event) -> str:
    """One event in some lines."""
    return "\n".join("".join(map(_safe, line)) for line in _lines(event))


def dump(data: bytes) -> Iterator[str]:
    """Offset, hex and text of the bytes, WIDTH a line."""
    for at in range(0, len(data), WIDTH):
        part = data[at : at + WIDTH]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"    {at:04x}  {part.hex(' '):<{WIDTH * 3 - 1}}  |{text}|"


def _lines(event: Event) -> Iterator[str]:
    yield f"{event.get('hora', '')}  {_head(event)}"
    if event.get("perdidos"):
        yield f"    {event['perdidos']} events before this one were lost: more came than could be told"
    yield from dump(bytes.fromhex(event.get("hex", "")))
    if event.get("hex_cortado"):
        yield f"    … cut: {event['bytes']} bytes in all"
    yield from _decoded(event)


def _decoded(event: Event) -> Iterator[str]:
    for fix in event.get("fixes", ()):
        yield f"    fix {_pairs(fix)}"
    for warning in event.get("avisos", ()):
        yield f"    warning: {warning}"
    if event.get("vitales"):
        yield f"    vitals {_pairs(event['vitales'])}"
    for key, title in NOTES.items():
        if event.get(key):
            yield f"    {title}: {event[key]}"


def _head(event: Event) -> str:
    place = f"{event.get('receptor', '')} ({event.get('protocolo', '')}) {event.get('origen', '')}"
    kind = event.get("tipo")
    if kind == "mensaje" and event.get("sentido") == "entrada":
        return f"<-- {event['bytes']} bytes at {place}"
    if kind == "mensaje":
        reason = f" ({event['motivo']})" if event.get("motivo") else ""
        end = ", the connection ends" if event.get("cierra") else ""
        answer = f"{event['bytes']} bytes" if event["bytes"] else "no answer"
        return f"--> {answer}: {OUTCOMES.get(event['resultado'], event['resultado'])}{reason}, after {event['ms']} ms{end}"
    if kind == "indescifrable":
        return f"<-- {event['bytes']} bytes at {place} that cannot be decoded: {event.get('motivo', '')}"
    return HEADS.get(str(kind), str(kind)).format(place=place, process=event.get("proceso", ""))


OUTCOMES = {"guardado": "stored", "rechazado": "refused", "no_disponible": "not stored"}
NOTES = {"fixes_omitidos": "fixes left out, too long", "omitido": "left out, too long", "ilegible": "unreadable"}
HEADS = {
    "escucha": "--- server process {process} listens",
    "conexion": "--- the connection at {place} is its own from here on",
    "desconexion": "--- the connection at {place} is over",
    "perdidos": "--- something is missing",
}


def _pairs(values: Event) -> str:
    flat = {**values, **values.get("attributes", {})}
    return " ".join(f"{key}={value}" for key, value in flat.items() if key != "attributes")


def _safe(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
