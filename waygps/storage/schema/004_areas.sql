-- What the questions of area need (rectangle, radius, nearest): cells, boxes and distances. The questions themselves are in
-- areas_*.sql, which every start applies in the form that the server allows. Degrees are WGS 84, distances metres.

-- Bad and middling fixes are few: an index of these alone takes less than a byte a row of the history.
CREATE INDEX posiciones_recientes_dudosas ON posiciones_recientes (fecha_gps) WHERE calidad_datos IN ('regular', 'mala');

-- The cell of 0.01 x 0.01 degrees that holds a position: rows from the south pole, 36,001 columns each from longitude -180. The cells
-- of one row that lie between two longitudes are one range of numbers.
CREATE FUNCTION celda(latitud numeric, longitud numeric) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT (floor(latitud * 100)::integer + 9000) * 36001 + floor(longitud * 100)::integer + 18000';
-- Whole hours since 1970 UTC.
CREATE FUNCTION hora(momento timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$SELECT floor(extract(epoch FROM momento AT TIME ZONE 'UTC') / 3600)::integer$$;
-- The same of the end of a span, which may be infinite.
CREATE FUNCTION hora_limite(momento timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$SELECT hora(least(greatest(momento, '2000-01-01 00:00:00+00'), '9999-12-31 00:00:00+00'))$$;

-- How many degrees a rectangle goes eastwards from lon_min to lon_max, over the antimeridian where lon_min > lon_max.
CREATE FUNCTION ancho(lon_min numeric, lon_max numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT CASE WHEN lon_max >= lon_min THEN lon_max - lon_min ELSE mod(lon_max - lon_min, 360) + 360 END';
CREATE FUNCTION en_rectangulo(
    latitud numeric, longitud numeric, lat_min float8, lon_min float8, lat_max float8, lon_max float8
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT latitud BETWEEN lat_min::numeric AND lat_max::numeric
       AND (ancho(lon_min::numeric, lon_max::numeric) >= 360
            OR mod(mod(longitud - lon_min::numeric, 360) + 360, 360) <= ancho(lon_min::numeric, lon_max::numeric))
$$;

-- A rectangle as boxes (x longitude, y latitude, degrees within -180..180, -90..90). Part 1 begins at lon_min; part 2 is what lies
-- beyond the antimeridian, or that meridian by its other name, or null. A rectangle of nearly all longitudes has them all.
CREATE FUNCTION caja_del_rectangulo(parte integer, lat_min float8, lon_min float8, lat_max float8, lon_max float8)
RETURNS box LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN lat_min > lat_max THEN NULL
                WHEN todo AND parte = 1 THEN box(point(-180, sur), point(180, norte))
                WHEN todo THEN NULL
                WHEN parte = 1 THEN box(point(oeste, sur), point(least(oeste + grados, 180), norte))
                WHEN oeste + grados >= 180 THEN box(point(-180, sur), point(oeste + grados - 360, norte))
                WHEN oeste = -180 THEN box(point(180, sur), point(180, norte)) END
    FROM (SELECT ancho(lon_min::numeric, lon_max::numeric) AS grados,
                 ancho(lon_min::numeric, lon_max::numeric) >= 359.9 AS todo,
                 lon_min::numeric - 360 * floor((lon_min::numeric + 180) / 360) AS oeste,
                 greatest(lat_min, -90) AS sur, least(lat_max, 90) AS norte) AS r
$$;

-- The ranges of cells that together hold a rectangle, one a row of cells; no cell twice. STRICT keeps it a table of its own in the
-- plan, of few rows: otherwise the planner takes 2,000 for granted.
CREATE FUNCTION franjas(lat_min float8, lon_min float8, lat_max float8, lon_max float8)
RETURNS TABLE (primera integer, ultima integer) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 4 AS $$
    SELECT (fila + 9000) * 36001 + floor(((caja[1])[0])::numeric * 100)::integer + 18000,
           (fila + 9000) * 36001 + floor(((caja[0])[0])::numeric * 100)::integer + 18000
    FROM (SELECT caja_del_rectangulo(parte, lat_min, lon_min, lat_max, lon_max) AS caja
          FROM generate_series(1, 2) AS parte OFFSET 0) AS c,
         LATERAL generate_series(floor(((caja[1])[1])::numeric * 100)::integer, floor(((caja[0])[1])::numeric * 100)::integer) AS fila
$$;

-- The rectangle around a circle, with a hundredth to spare: the circle may be meant on the spheroid. A circle over a pole has all
-- longitudes; lon_min and lon_max may be beyond 180.
CREATE FUNCTION rectangulo_del_circulo(lat float8, lon float8, metros float8)
RETURNS TABLE (lat_min float8, lon_min float8, lat_max float8, lon_max float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT lat - grados, lon - lados, lat + grados, lon + lados
    FROM (SELECT degrees(metros * 1.01 / 6371008.8) AS grados) AS g,
         LATERAL (SELECT CASE WHEN lat + grados >= 90 OR lat - grados <= -90 THEN 180
                              ELSE degrees(asin(least(1, sin(radians(grados)) / cos(radians(lat))))) END AS lados) AS l
$$;

-- The UTC day of the end of a span, which may be infinite.
CREATE FUNCTION dia_limite(momento timestamptz) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$SELECT (momento AT TIME ZONE 'UTC')::date$$;
-- The first instant (UTC) of the month that comes so many months after this one.
CREATE FUNCTION inicio_de_mes(momento timestamptz, meses integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$SELECT (date_trunc('month', momento AT TIME ZONE 'UTC') + make_interval(months => meses)) AT TIME ZONE 'UTC'$$;
