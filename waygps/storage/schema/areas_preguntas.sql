-- The questions of area that are the same with PostGIS and without. Those about vehicles read the whole of moviles, some thousand
-- rows: an index there would have to move with every fix.

CREATE OR REPLACE FUNCTION moviles_en_rectangulo(lat_min float8, lon_min float8, lat_max float8, lon_max float8)
RETURNS SETOF moviles LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.* FROM moviles AS m WHERE en_rectangulo(m.ultimo_lat, m.ultimo_lon, $1, $2, $3, $4)
$$;

CREATE OR REPLACE FUNCTION moviles_en_radio(lat float8, lon float8, metros float8)
RETURNS SETOF moviles LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.* FROM rectangulo_del_circulo($1, $2, $3) AS r, moviles AS m
    WHERE en_rectangulo(m.ultimo_lat, m.ultimo_lon, r.lat_min, r.lon_min, r.lat_max, r.lon_max)
      AND distancia_m(m.ultimo_lat, m.ultimo_lon, $1, $2) <= $3
$$;

-- The n nearest, nearest first.
CREATE OR REPLACE FUNCTION moviles_cercanos(lat float8, lon float8, n integer)
RETURNS TABLE (movil_id integer, imei varchar, patente varchar, ultimo_lat numeric, ultimo_lon numeric, fecha_gps timestamptz,
               metros float8) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT m.id, m.imei, m.patente, m.ultimo_lat, m.ultimo_lon, m.fecha_gps, distancia_m(m.ultimo_lat, m.ultimo_lon, $1, $2)
    FROM moviles AS m WHERE m.ultimo_lat IS NOT NULL AND m.ultimo_lon IS NOT NULL
    ORDER BY 7, 1 LIMIT $3
$$;

-- Whether a circle holds at least n positions of a span.
CREATE OR REPLACE FUNCTION hay_posiciones(lat float8, lon float8, metros float8, n integer, desde timestamptz, hasta timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET jit = off AS $$
BEGIN
    RETURN (SELECT count(*) FROM (SELECT FROM posiciones_en_radio($1, $2, $3, $5, $6) LIMIT $4) AS dentro) >= $4;
END $$;

-- The n nearest positions of a span, nearest first. The circle grows until it holds n, or is the earth, then shrinks to what it has to
-- be, within a hundredth; so the index of the radius serves this too. Plans are made for each circle: which is good depends on its size.
CREATE OR REPLACE FUNCTION posiciones_cercanas(
    lat float8, lon float8, n integer, desde timestamptz DEFAULT '-infinity', hasta timestamptz DEFAULT 'infinity'
) RETURNS TABLE (
    id bigint, movil_id integer, latitud numeric, longitud numeric, altitud numeric, velocidad numeric, rumbo numeric,
    satelites smallint, hdop numeric, ignicion boolean, bateria smallint, odometro numeric, fecha_gps timestamptz,
    fecha_recepcion timestamptz, raw_data jsonb, calidad_datos varchar, huella integer, metros float8
) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    corto float8 := 0;
    radio float8 := 50;
    medio float8;
BEGIN
    WHILE radio < 20100000 AND NOT hay_posiciones($1, $2, radio, $3, $4, $5) LOOP
        corto := radio;
        radio := radio * 3;
    END LOOP;
    WHILE radio - corto > greatest(50, radio / 100) AND radio < 20100000 LOOP
        medio := (corto + radio) / 2;
        IF hay_posiciones($1, $2, medio, $3, $4, $5) THEN radio := medio; ELSE corto := medio; END IF;
    END LOOP;
    RETURN QUERY
        SELECT p.*, distancia_m(p.latitud, p.longitud, $1, $2) FROM posiciones_en_radio($1, $2, radio, $4, $5) AS p
        ORDER BY 18, p.fecha_gps, p.movil_id LIMIT $3;
END $$;
