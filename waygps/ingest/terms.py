"""A receiver's own limits go before the configuration's."""

from __future__ import annotations

from msgspec.structs import asdict, replace

from waygps.config import Limits
from waygps.ingest.complaints import Kind
from waygps.storage.receivers import Receiver

OWN = {
    "connections_receiver": ("most_connections", "max_conexiones"),
    "devices_receiver": ("most_devices", "max_equipos"),
    "idle": ("idle", "timeout"),
}
"""Settings with the attribute of a Receiver, and the column, that go before them."""

SETTINGS: dict[Kind, str] = {
    "receiver": "connections_receiver",
    "address": "connections_address",
    "rate": "new_per_second",
    "files": "reserved_files",
    "first_message": "first_message",
    "idle": "idle",
    "bytes": "bytes_per_second",
    "datagrams": "datagrams_per_second",
    "datagram_bytes": "bytes_per_second",
    "devices": "devices_receiver",
}


def terms(limits: Limits, receiver: Receiver | None) -> tuple[Limits, dict[Kind, str]]:
    """The limits of this receiver, and each by its name and value, as the log has it. ``receiver``: None for no own ones."""
    own = {setting: getattr(receiver, name, None) for setting, (name, _) in OWN.items()}
    own = {setting: value for setting, value in own.items() if value is not None}
    found = replace(limits, **own)
    values = asdict(found)
    names = {setting: f"{OWN[setting][1]} of the receiver" for setting in own}
    return found, {kind: f"{names.get(key, f'limits.{key}')} ({values[key]:g}{_unit(key)})" for kind, key in SETTINGS.items()}


def _unit(setting: str) -> str:
    return " s" if setting in ("first_message", "idle") else ""
