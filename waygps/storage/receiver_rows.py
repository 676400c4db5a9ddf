"""configuraciones_receptores as people look at it, and the way of their changes into it."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from waygps.storage.receiver_changes import Change
from waygps.storage.session import Session

T = TypeVar("T")

KEYS = (
    *("id", "nombre", "tipo", "tipo_nombre", "tipo_activo", "protocolo", "puerto", "activo"),
    *("max_conexiones", "max_equipos", "timeout", "region", "prioridad", "configuracion_avanzada"),
)
"""As the columns, but for those of the type."""
LIST = """
SELECT r.id, r.nombre, t.codigo, t.nombre, t.activo, r.protocolo, r.puerto, r.activo,
       r.max_conexiones, r.max_equipos, r.timeout, r.region, r.prioridad, r.configuracion_avanzada
FROM configuraciones_receptores r JOIN tipos_equipos_gps t ON t.id = r.tipo_equipo_id
WHERE %s IS NULL OR r.id = %s ORDER BY r.prioridad, r.puerto, r.protocolo
"""


class ReceiverRows:
    """The table, read and changed by a session of the server."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self, number: int | None = None) -> list[dict[str, Any]]:
        """All receivers, or the one of this number, each with KEYS."""
        rows = await self._session.query(LIST, [number, number])
        return [dict(zip(KEYS, row, strict=True)) for row in rows]

    async def make(self, change: Change[T]) -> T:
        """Make this change. Raises Refused, of which nothing comes, and StoreUnavailable."""
        try:
            statement = next(change)
            while True:
                try:
                    rows = await self._session.query(*statement)
                except Exception as error:  # the change knows which of them it can explain
                    statement = change.throw(error)
                else:
                    statement = change.send(rows)
        except StopIteration as end:
            return cast(T, end.value)
