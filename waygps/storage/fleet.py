"""What the web asks of the vehicles and their history. PostgreSQL writes the JSON: for thousands of rows that is the fastest."""

from __future__ import annotations

from datetime import datetime

from waygps.storage.session import Session

# The names of the table, and beside them the ones that the seed's pages read.
VEHICLE = """
SELECT id, imei, patente, ultimo_lat, ultimo_lon, ultima_velocidad_kmh, ultimo_rumbo, ignicion, bateria_porcentaje, calidad_senal,
       to_char(fecha_gps, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS fecha_gps,
       to_char(fecha_recepcion, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS fecha_recepcion,
       to_char(ultima_actualizacion, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ultima_actualizacion, estado_conexion,
       ultima_velocidad_kmh AS velocidad, ultimo_rumbo AS rumbo, bateria_porcentaje AS bateria
FROM moviles
"""
ALL = f"SELECT coalesce(json_agg(m), '[]')::text FROM ({VEHICLE} ORDER BY id) m"
ONE = f"SELECT row_to_json(m)::text FROM ({VEHICLE} WHERE id = %s) m"
POSITIONS = """
SELECT coalesce(json_agg(p), '[]')::text FROM (
    SELECT latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria, odometro,
           to_char(fecha_gps, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS fecha_gps,
           to_char(fecha_recepcion, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS fecha_recepcion, calidad_datos, raw_data
    FROM (SELECT * FROM historia(%s, %s, %s, %s) ORDER BY fecha_gps DESC LIMIT %s) AS ultimas
    ORDER BY ultimas.fecha_gps) p
"""


class Fleet:
    """Reads; every answer is JSON text."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def vehicles(self) -> str:
        """An array of all vehicles."""
        ((text,),) = await self._session.query(ALL)
        return str(text)

    async def vehicle(self, number: int) -> str | None:
        """One vehicle as an object; None where there is none of this number."""
        rows = await self._session.query(ONE, [number])
        return str(rows[0][0]) if rows else None

    async def positions(self, number: int, since: datetime, until: datetime, most: int) -> str:
        """An array of the vehicle's positions in this span, oldest first; of more than ``most`` the newest."""
        ((text,),) = await self._session.query(POSITIONS, [number, since, until, most, most])
        return str(text)
