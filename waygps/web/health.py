"""Whether the server does its work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from waygps.ingest.receivers import ReceiverService
from waygps.ingest.valve import Valve
from waygps.live.hub import Hub
from waygps.storage.database import DatabaseService
from waygps.storage.store import Store


class Health:
    """Looks at the parts when asked: "ok", "degradado" where a port is not open or fixes go to the spool, "error" where nothing
    can be stored at all.
    """

    def __init__(
        self,
        version: str,
        database: DatabaseService,
        store: Store,
        valve: Valve,
        receivers: Iterable[ReceiverService],
        hub: Hub,
    ) -> None:
        self._version = version
        self._database = database
        self._store = store
        self._valve = valve
        self._receivers = receivers
        self._hub = hub

    def __call__(self) -> dict[str, Any]:
        """The state as the keys of GET /api/health."""
        spool = self._store.spooled()
        return {
            "estado": self._state(bool(spool["lleno"])),
            "base_de_datos": "ok" if self._is_stored else "error",
            "spool": spool,
            "version": self._version,
            "fixes_pendientes": self._valve.held,
            "lectura_pausada": self._valve.is_shut,
            "clientes_websocket": len(self._hub),
            "receptores": [_receiver(service) for service in self._receivers],
        }

    @property
    def _is_stored(self) -> bool:
        return self._database.is_up and not self._store.is_away

    def _state(self, is_full: bool) -> str:
        if is_full and not self._is_stored:
            return "error"
        is_whole = self._is_stored and not any(service.fault for service in self._receivers)
        return "ok" if is_whole else "degradado"


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
