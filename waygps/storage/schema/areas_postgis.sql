-- The questions of area with PostGIS: distances on the WGS 84 spheroid, and a GiST of geography over an expression, which needs no
-- column and so no second writing of the history. It takes 65 bytes a row and a fifth of PostgreSQL's work for it.
DO $$ BEGIN  -- asked first: CREATE INDEX IF NOT EXISTS waits for those who write, even where there is nothing to do
    IF to_regclass('posiciones_recientes_lugar') IS NULL THEN
        CREATE INDEX posiciones_recientes_lugar ON posiciones_recientes
            USING gist ((ST_SetSRID(ST_MakePoint(longitud::float8, latitud::float8), 4326)::geography));
    END IF;
END $$;
DROP INDEX IF EXISTS posiciones_recientes_celda;

CREATE OR REPLACE FUNCTION distancia_m(latitud numeric, longitud numeric, lat float8, lon float8)
RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ST_Distance(ST_SetSRID(ST_MakePoint(longitud::float8, latitud::float8), 4326)::geography,
                       ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography)
$$;

-- Positions whose box in space (x, y, z of the unit sphere, by which the index searches) is that of the whole rectangle: its corners,
-- and where it meets the equator and the meridians of 0, 90, 180 and -90 degrees, at which x, y or z turn back. A polygon would not
-- do: its sides are great circles, not parallels. A ten-millionth of a degree to spare, for the last digit of a sine.
CREATE OR REPLACE FUNCTION extremos(lat_min float8, lon_min float8, lat_max float8, lon_max float8)
RETURNS geography LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ST_SetSRID(ST_Collect(ST_MakePoint(x - 360 * floor((x + 180) / 360), y)), 4326)::geography
    FROM (SELECT lon_min - 1e-7 AS oeste,
                 lon_min + least(ancho(lon_min::numeric, lon_max::numeric), 360)::float8 + 1e-7 AS este) AS r,
         LATERAL (SELECT oeste UNION SELECT este
                  UNION SELECT 90.0 * k FROM generate_series(ceil(oeste / 90)::integer, floor(este / 90)::integer) AS k) AS lados (x),
         (SELECT greatest(lat_min - 1e-7, -90) UNION SELECT least(lat_max + 1e-7, 90)
          UNION SELECT 0.0 WHERE 0 BETWEEN lat_min AND lat_max) AS alturas (y)
$$;

CREATE OR REPLACE FUNCTION posiciones_en_rectangulo(
    lat_min float8, lon_min float8, lat_max float8, lon_max float8,
    desde timestamptz DEFAULT '-infinity', hasta timestamptz DEFAULT 'infinity'
) RETURNS SETOF posiciones_historicas LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.id, r.movil_id, r.latitud, r.longitud, r.altitud, r.velocidad, r.rumbo, r.satelites, r.hdop, r.ignicion,
           r.bateria, r.odometro, r.fecha_gps, r.fecha_recepcion, r.raw_data, r.calidad_datos, r.huella
    FROM posiciones_recientes AS r
    WHERE ST_SetSRID(ST_MakePoint(r.longitud::float8, r.latitud::float8), 4326)::geography && extremos($1, $2, $3, $4)
      AND r.fecha_gps BETWEEN $5 AND $6 AND en_rectangulo(r.latitud, r.longitud, $1, $2, $3, $4)
    UNION ALL
    SELECT d.* FROM posiciones_compactas AS c, LATERAL descompactar(c) AS d
    WHERE (c.caja && caja_del_rectangulo(1, $1, $2, $3, $4) OR c.caja && caja_del_rectangulo(2, $1, $2, $3, $4))
      AND c.dia BETWEEN dia_limite($5) AND dia_limite($6) AND c.desde <= $6 AND c.hasta >= $5
      AND d.fecha_gps BETWEEN $5 AND $6 AND en_rectangulo(d.latitud, d.longitud, $1, $2, $3, $4)
$$;

CREATE OR REPLACE FUNCTION posiciones_en_radio(
    lat float8, lon float8, metros float8,
    desde timestamptz DEFAULT '-infinity', hasta timestamptz DEFAULT 'infinity'
) RETURNS SETOF posiciones_historicas LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.id, r.movil_id, r.latitud, r.longitud, r.altitud, r.velocidad, r.rumbo, r.satelites, r.hdop, r.ignicion,
           r.bateria, r.odometro, r.fecha_gps, r.fecha_recepcion, r.raw_data, r.calidad_datos, r.huella
    FROM posiciones_recientes AS r
    WHERE ST_DWithin(ST_SetSRID(ST_MakePoint(r.longitud::float8, r.latitud::float8), 4326)::geography,
                     ST_SetSRID(ST_MakePoint($2, $1), 4326)::geography, $3)
      AND r.fecha_gps BETWEEN $4 AND $5
    UNION ALL
    SELECT d.* FROM rectangulo_del_circulo($1, $2, $3) AS k, posiciones_compactas AS c, LATERAL descompactar(c) AS d
    WHERE (c.caja && caja_del_rectangulo(1, k.lat_min, k.lon_min, k.lat_max, k.lon_max)
           OR c.caja && caja_del_rectangulo(2, k.lat_min, k.lon_min, k.lat_max, k.lon_max))
      AND c.dia BETWEEN dia_limite($4) AND dia_limite($5) AND c.desde <= $5 AND c.hasta >= $4
      AND d.fecha_gps BETWEEN $4 AND $5 AND distancia_m(d.latitud, d.longitud, $1, $2) <= $3
$$;
