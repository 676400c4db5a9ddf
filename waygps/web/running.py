"""What this process of the server knows of its receivers, as the keys of REST."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from waygps.ingest.findings import Finding
from waygps.ingest.limits import Gate
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.telling import time_text
from waygps.storage.receivers import AUTO

LIMITS = {
    "receiver": "conexiones_receptor",
    "address": "conexiones_direccion",
    "rate": "ritmo",
    "first_message": "primer_mensaje",
    "idle": "silencio",
    "files": "archivos",
    "bytes": "bytes",
    "datagrams": "datagramas",
    "datagram_bytes": "bytes_datagramas",
    "devices": "equipos",
    "undecodable": "indescifrables",
}
"""What the limits of waygps.ingest.limits are called."""


class Running:
    """Looks at the parts when asked. ``ports`` are those that the configuration has for vendors."""

    def __init__(
        self,
        receivers: Iterable[ReceiverService],
        findings: Iterable[Finding],
        ports: Mapping[str, int],
        vendors: Container[str],
    ) -> None:
        self._receivers = receivers
        self._findings = findings
        self._ports = ports
        self._vendors = vendors

    def seen(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of configuraciones_receptores, and what has become of it here."""
        service = next((each for each in self._receivers if each.receiver.id == row["id"]), None)
        is_wanted = row["activo"] and row["tipo_activo"]
        return {
            **row,
            "puerto_usado": self._ports.get(row["tipo"], row["puerto"]),
            "abierto": service is not None and not service.fault,
            "error": self._fault(service, row["tipo"]) if is_wanted else "",
            **_counted(service.gate if service else None),
        }

    def found(self) -> list[dict[str, Any]]:
        """What came to the wrong port, or from nobody known, the newest first."""
        return [_told(finding) for finding in self._findings]

    def _fault(self, service: ReceiverService | None, kind: str) -> str:
        if service is not None:
            return service.fault
        is_known = kind == AUTO.name or kind in self._vendors
        return "" if is_known else f"there is no vendor {kind}"


def _counted(gate: Gate | None) -> dict[str, Any]:
    if gate is None:
        return {"conexiones": None, "contadores": None}
    limited = {LIMITS.get(kind, kind): count for kind, count in gate.cost.items()}
    return {"conexiones": gate.open, "contadores": {"aceptadas": gate.accepted, "por_limite": limited}}


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "fecha": time_text(finding.time),
        "receptor": finding.receiver,
        "protocolo": finding.transport.upper(),
        "origen": finding.peer,
        "tipo": finding.vendor,
        "puntaje": finding.score,
        "atendido": finding.served,
        "datos": finding.data.hex(),
    }
