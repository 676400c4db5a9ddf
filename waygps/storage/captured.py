"""The quarantine as people look at it: lists for REST, adopting and discarding."""

from __future__ import annotations

from waygps.storage.session import Session

LIST = """
SELECT coalesce(json_agg(json_build_object(
    'imei', imei, 'protocolo', protocolo, 'receptor', receptor, 'origen', origen, 'primera_vez', primera_vez,
    'ultima_vez', ultima_vez, 'mensajes', mensajes, 'fixes', fixes, 'bytes', bytes, 'sin_lugar', sin_lugar,
    'ultimo_lat', ultimo_lat, 'ultimo_lon', ultimo_lon) ORDER BY ultima_vez DESC), '[]')::text
FROM (SELECT * FROM cuarentena ORDER BY ultima_vez DESC LIMIT %s) c
"""
COUNT = "SELECT count(*) FROM cuarentena"
MESSAGES = """
SELECT coalesce(json_agg(json_build_object(
    'id', id, 'fecha_recepcion', fecha_recepcion, 'fixes', fixes, 'mensaje', encode(mensaje, 'hex')
) ORDER BY id DESC), '[]')::text
FROM (SELECT * FROM cuarentena_mensajes WHERE imei = %s ORDER BY id DESC LIMIT %s) m
"""
ADOPT = "SELECT adoptar(%s, %s) FROM cuarentena WHERE imei = %s"
DISCARD = "DELETE FROM cuarentena WHERE imei = %s RETURNING imei"
STRANGERS = """
SELECT coalesce(json_agg(json_build_object(
    'id', id, 'fecha', fecha, 'veces', veces, 'receptor', receptor, 'protocolo', protocolo, 'origen', origen,
    'datos', encode(datos, 'hex'), 'candidatos', candidatos) ORDER BY fecha DESC), '[]')::text
FROM (SELECT * FROM bytes_desconocidos ORDER BY fecha DESC LIMIT %s) b
"""


class Captured:
    """What is in quarantine, as JSON arrays with the columns' names."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def devices(self, most: int) -> str:
        """The devices, at most so many, who was seen last first."""
        return await self._text(LIST, most)

    async def count(self) -> int:
        """How many devices there are."""
        ((number,),) = await self._session.query(COUNT)
        return int(number)

    async def messages(self, imei: str, most: int) -> str:
        """The newest messages of a device, at most so many, in hex."""
        return await self._text(MESSAGES, imei, most)

    async def strangers(self, most: int) -> str:
        """The bytes that no vendor recognises, the newest so many, in hex, each with its likeliest vendors."""
        return await self._text(STRANGERS, most)

    async def adopt(self, imei: str, plate: str | None) -> int | None:
        """Make a vehicle of the device; gives its number, None: it is not in quarantine."""
        rows = await self._session.query(ADOPT, [imei, plate, imei])
        return int(rows[0][0]) if rows else None

    async def discard(self, imei: str) -> bool:
        """Forget the device and what it sent; whether it was there."""
        return bool(await self._session.query(DISCARD, [imei]))

    async def _text(self, query: str, *arguments: object) -> str:
        ((text,),) = await self._session.query(query, list(arguments))
        return str(text)
