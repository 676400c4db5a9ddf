"""One statement that writes a batch of positions: the history and the vehicles' current state, together or not at all.

psycopg2 has no COPY in asynchronous mode; unnest over array literals, made by hand because psycopg2's own adaptation of lists
costs five times as much, writes as fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import json

from waygps.position import Position, Refused

_json = json.Encoder().encode

# The newest fix of a vehicle gives its state; the newest valid one, which may be another, its position, unless that is late. A
# late fix finds no vehicle to move. The answer: how many rows were new, which vehicles moved, and, where not every row was new,
# the vehicles of those that were.
STORE = """
WITH datos AS MATERIALIZED (
    SELECT *, to_timestamp(ms::float8 / 1000) AS fecha_gps, to_timestamp(recibido::float8 / 1000) AS fecha_recepcion,
           to_timestamp(momento::float8 / 1000) AS fecha_estado
    FROM unnest(%s::int[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::smallint[],
                %s::numeric[], %s::boolean[], %s::smallint[], %s::numeric[], %s::bigint[], %s::bigint[], %s::bigint[],
                %s::jsonb[], %s::text[], %s::int[], %s::boolean[])
         WITH ORDINALITY
         AS t (movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop,
               ignicion, bateria, odometro, ms, recibido, momento, raw_data, calidad, huella, valido, orden)
), nuevas AS (
    INSERT INTO posiciones_recientes (movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria,
                                       odometro, fecha_gps, fecha_recepcion, raw_data, calidad_datos, huella)
    SELECT movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, coalesce(ignicion, false), bateria,
           odometro, fecha_gps, fecha_recepcion, raw_data, calidad, huella
    FROM datos
    ON CONFLICT DO NOTHING
    RETURNING movil_id
), ultimas AS (
    SELECT DISTINCT ON (movil_id) * FROM datos ORDER BY movil_id, momento DESC, orden DESC
), validas AS (
    SELECT DISTINCT ON (movil_id) movil_id, fecha_estado, latitud, longitud, velocidad, rumbo FROM datos WHERE valido
    ORDER BY movil_id, momento DESC, orden DESC
), movidos AS (
    UPDATE moviles m
    SET ultimo_lat = CASE WHEN v.fecha_estado >= coalesce(m.fecha_gps, v.fecha_estado) THEN v.latitud ELSE m.ultimo_lat END,
        ultimo_lon = CASE WHEN v.fecha_estado >= coalesce(m.fecha_gps, v.fecha_estado) THEN v.longitud ELSE m.ultimo_lon END,
        ultima_velocidad_kmh = CASE WHEN v.fecha_estado >= coalesce(m.fecha_gps, v.fecha_estado) THEN v.velocidad
                                    ELSE m.ultima_velocidad_kmh END,
        ultimo_rumbo = CASE WHEN v.fecha_estado >= coalesce(m.fecha_gps, v.fecha_estado) THEN coalesce(v.rumbo, m.ultimo_rumbo)
                            ELSE m.ultimo_rumbo END,
        ignicion = coalesce(u.ignicion, m.ignicion), bateria_porcentaje = coalesce(u.bateria, m.bateria_porcentaje),
        calidad_senal = coalesce(u.satelites, m.calidad_senal), fecha_gps = u.fecha_estado, fecha_recepcion = u.fecha_recepcion,
        ultima_actualizacion = now(), estado_conexion = 'conectado'
    FROM ultimas u LEFT JOIN validas v USING (movil_id)
    WHERE m.id = u.movil_id AND (m.fecha_gps IS NULL OR m.fecha_gps <= u.fecha_estado)
    RETURNING m.id
)
SELECT (SELECT count(*) FROM nuevas), (SELECT coalesce(array_agg(id), '{}') FROM movidos),
       CASE WHEN (SELECT count(*) FROM nuevas) < (SELECT count(*) FROM datos) THEN (SELECT array_agg(movil_id) FROM nuevas) END
"""

SET_APART = """
INSERT INTO posiciones_rechazadas (imei, motivo, fix, mensaje, fecha_gps, fecha_recepcion, huella)
VALUES (%s, %s, %s, %s, to_timestamp(%s::float8 / 1000), to_timestamp(%s::float8 / 1000), %s)
ON CONFLICT DO NOTHING RETURNING id
"""

MAKE_PARTITIONS = "SELECT asegurar_particion(to_timestamp(ms::float8 / 1000)) FROM unnest(%s::bigint[]) AS ms"


def columns(positions: Sequence[Position]) -> list[str]:
    """The array literals of STORE, one a column, for these positions."""
    fixes = [position.fix for position in positions]
    return [
        _array([p.vehicle.id for p in positions]),
        _array([fix.lat for fix in fixes]),
        _array([fix.lon for fix in fixes]),
        _array([fix.altitude_m for fix in fixes]),
        _array([fix.speed_kmh for fix in fixes]),
        _array([fix.course_deg for fix in fixes]),
        _array([fix.satellites for fix in fixes]),
        _array([fix.hdop for fix in fixes]),
        _array([fix.ignition for fix in fixes]),
        _array([fix.battery_pct for fix in fixes]),
        _array([fix.odometer_km for fix in fixes]),
        _array([p.time for p in positions]),
        _array([p.received for p in positions]),
        _array([p.moment for p in positions]),
        _array([p.raw for p in positions]),
        _array([p.quality for p in positions]),
        _array([p.fingerprint for p in positions]),
        _array([fix.valid for fix in fixes]),
    ]


def row_apart(refused: Refused) -> tuple[object, ...]:
    """The arguments of SET_APART for one refused fix."""
    return (
        refused.device[:32],
        refused.reason,
        refused.fix,
        refused.message,
        refused.time,
        refused.received,
        refused.fingerprint,
    )


def months(positions: Iterable[Position]) -> str:
    """The array literal of MAKE_PARTITIONS: one time for each day that occurs, which is fine enough to hit every month."""
    day = 86_400_000
    return _array(sorted({position.time // day * day for position in positions}))


def _array(values: Sequence[object]) -> str:
    """The array literal of these numbers, truth values, or texts without control characters (JSON text has none), and nulls.

    What JSON writes for them is what PostgreSQL reads: the same null, true and numbers, and a text in double quotes in which a
    backslash precedes backslashes and double quotes. msgspec writes it three times as fast as str and join.
    """
    return "{" + _json(values).decode()[1:-1] + "}"
