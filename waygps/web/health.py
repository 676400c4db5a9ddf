"""Whether the server does its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from waygps.ingest.receivers import ReceiverService
from waygps.ingest.valve import Valve
from waygps.live.hub import Hub
from waygps.storage.database import DatabaseService


class Health:
    """Looks at the parts when asked: "ok", "degradado" where a port is not open, "error" where nothing can be stored."""

    def __init__(
        self, version: str, database: DatabaseService, valve: Valve, receivers: Sequence[ReceiverService], hub: Hub
    ) -> None:
        self._version = version
        self._database = database
        self._valve = valve
        self._receivers = receivers
        self._hub = hub

    def __call__(self) -> dict[str, Any]:
        """The state as the keys of GET /api/health."""
        faults = [service.fault for service in self._receivers if service.fault]
        return {
            "estado": "error" if not self._database.is_up else "degradado" if faults else "ok",
            "base_de_datos": "ok" if self._database.is_up else "error",
            "version": self._version,
            "fixes_pendientes": self._valve.held,
            "lectura_pausada": self._valve.is_shut,
            "clientes_websocket": len(self._hub),
            "receptores": [_receiver(service) for service in self._receivers],
        }


def _receiver(service: ReceiverService) -> dict[str, Any]:
    receiver = service.receiver
    return {
        "nombre": receiver.name,
        "tipo": receiver.vendor,
        "protocolo": receiver.transport,
        "puerto": receiver.port,
        "abierto": not service.fault,
        "error": service.fault,
    }
