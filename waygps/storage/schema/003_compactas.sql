-- Old months in a compact form: one row (a segment) for each vehicle and day, the fixes in it column by column. What other programs
-- read, posiciones_historicas, shows both forms as one.

-- One column of a segment. Row i is base + unidad * (step i), or base + unidad * (sum of the steps up to i) where the column is kept
-- as steps from row to row; base and unidad are in the segment. The steps are in the narrowest array that holds them, in `ocho` the
-- values themselves; a column that never changes has none.
CREATE TYPE serie AS (uno "char"[], dos smallint[], cuatro integer[], ocho bigint[]);

CREATE FUNCTION pasos(columna serie) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT coalesce((columna).uno::integer[], (columna).dos::integer[], (columna).cuatro)';
-- unidad 0: the column never changes; unidad null: its values are in `ocho`.
CREATE FUNCTION valor(base bigint, unidad bigint, paso bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT CASE WHEN unidad = 0 THEN base ELSE base + unidad * paso END';
CREATE FUNCTION valor(base bigint, unidad bigint, paso bigint, ancho bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT CASE WHEN unidad = 0 THEN base WHEN unidad IS NULL THEN ancho ELSE base + unidad * paso END';

CREATE TABLE posiciones_compactas (
    movil_id        integer NOT NULL,
    dia             date NOT NULL,                        -- UTC day of fecha_gps
    desde           timestamptz NOT NULL,                 -- first fecha_gps
    hasta           timestamptz NOT NULL,                 -- last fecha_gps
    fixes           integer NOT NULL CHECK (fixes > 0),
    caja            box NOT NULL,                         -- around the positions: x longitude, y latitude, degrees
    bases           bigint[] NOT NULL,                    -- of the 23 columns below, in their order
    unidades        bigint[] NOT NULL,
    id              serie NOT NULL,                       -- 1, steps
    latitud         serie NOT NULL,                       -- 2, steps, 0.000001 degrees
    longitud        serie NOT NULL,                       -- 3, steps, 0.000001 degrees
    altitud         serie NOT NULL,                       -- 4, steps, centimetres
    velocidad       serie NOT NULL,                       -- 5, 0.01 km/h
    rumbo           serie NOT NULL,                       -- 6, 0.01 degrees
    satelites       serie NOT NULL,                       -- 7
    hdop            serie NOT NULL,                       -- 8, hundredths
    ignicion        serie NOT NULL,                       -- 9, 0 or 1
    bateria         serie NOT NULL,                       -- 10, percent
    odometro        serie NOT NULL,                       -- 11, steps, 0.01 km
    fecha_gps       serie NOT NULL,                       -- 12, steps, microseconds since 1970
    fecha_recepcion serie NOT NULL,                       -- 13, steps, microseconds since 1970
    calidad_datos   serie NOT NULL,                       -- 14, place in (excelente, buena, regular, mala), from 1
    raw_data        serie NOT NULL,                       -- 15, place n >= 0 in textos: that value; -1 - n: that template
    numeros         serie[] NOT NULL,                     -- 16-23, the numbers of the templates: 1-4 as steps, 5-8 not
    escalas         smallint[] NOT NULL,                  -- decimals of those numbers
    textos          text,                                 -- JSON array of values, and of templates as format() takes them
    huella          integer[] NOT NULL,
    PRIMARY KEY (movil_id, dia)
) PARTITION BY RANGE (dia);
CREATE INDEX posiciones_compactas_caja ON posiciones_compactas USING gist (caja);
COMMENT ON TABLE posiciones_compactas IS 'The fixes of a vehicle''s day in one row; descompactar() gives them back.';

-- A whole number of units as it stands in JSON, without zeros at its end.
CREATE FUNCTION decimal_corto(numero bigint, unidad numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT CASE WHEN unidad = 1 THEN numero::text ELSE trim_scale(numero * unidad)::text END';

-- The fixes of a segment, in order of time, every column as it was. The set-returning functions of the inner SELECT run in step.
CREATE FUNCTION descompactar(segmento posiciones_compactas) RETURNS TABLE (
    id bigint, movil_id integer, latitud numeric, longitud numeric, altitud numeric, velocidad numeric, rumbo numeric,
    satelites smallint, hdop numeric, ignicion boolean, bateria smallint, odometro numeric, fecha_gps timestamptz,
    fecha_recepcion timestamptz, raw_data jsonb, calidad_datos varchar, huella integer
) LANGUAGE sql STABLE PARALLEL SAFE ROWS 2000 COST 20000 AS $$
SELECT valor(k.b1, k.u1, f.s1, f.w1),
       (segmento).movil_id,
       valor(k.b2, k.u2, f.s2) * 0.000001,
       valor(k.b3, k.u3, f.s3) * 0.000001,
       valor(k.b4, k.u4, CASE WHEN f.v4 IS NOT NULL THEN f.s4 END) * 0.01,
       valor(k.b5, k.u5, f.v5) * 0.01,
       valor(k.b6, k.u6, f.v6) * 0.01,
       valor(k.b7, k.u7, f.v7)::smallint,
       valor(k.b8, k.u8, f.v8) * 0.01,
       valor(k.b9, k.u9, f.v9) = 1,
       valor(k.b10, k.u10, f.v10)::smallint,
       valor(k.b11, k.u11, CASE WHEN f.v11 IS NOT NULL THEN f.s11 END, f.w11) * 0.01,
       timestamptz 'epoch' + valor(k.b12, k.u12, f.s12, f.w12) * interval '1 microsecond',
       timestamptz 'epoch' + valor(k.b13, k.u13, f.s13, f.w13) * interval '1 microsecond',
       CASE WHEN valor(k.b15, k.u15, f.v15) >= 0 THEN k.textos -> valor(k.b15, k.u15, f.v15)::integer
            WHEN valor(k.b15, k.u15, f.v15) < 0 THEN
                format(k.textos ->> (-1 - valor(k.b15, k.u15, f.v15))::integer,
                       decimal_corto(valor(k.b16, k.u16, f.s16, f.w16), k.e1),
                       decimal_corto(valor(k.b17, k.u17, f.s17, f.w17), k.e2),
                       decimal_corto(valor(k.b18, k.u18, f.s18, f.w18), k.e3),
                       decimal_corto(valor(k.b19, k.u19, f.s19, f.w19), k.e4),
                       decimal_corto(valor(k.b20, k.u20, f.v20, f.w20), k.e5),
                       decimal_corto(valor(k.b21, k.u21, f.v21, f.w21), k.e6),
                       decimal_corto(valor(k.b22, k.u22, f.v22, f.w22), k.e7),
                       decimal_corto(valor(k.b23, k.u23, f.v23, f.w23), k.e8))::jsonb END,
       CASE valor(k.b14, k.u14, f.v14) WHEN 1 THEN 'excelente' WHEN 2 THEN 'buena' WHEN 3 THEN 'regular' ELSE 'mala' END::varchar,
       f.huella
FROM (
    SELECT (segmento).bases[1] AS b1, (segmento).unidades[1] AS u1, (segmento).bases[2] AS b2, (segmento).unidades[2] AS u2,
           (segmento).bases[3] AS b3, (segmento).unidades[3] AS u3, (segmento).bases[4] AS b4, (segmento).unidades[4] AS u4,
           (segmento).bases[5] AS b5, (segmento).unidades[5] AS u5, (segmento).bases[6] AS b6, (segmento).unidades[6] AS u6,
           (segmento).bases[7] AS b7, (segmento).unidades[7] AS u7, (segmento).bases[8] AS b8, (segmento).unidades[8] AS u8,
           (segmento).bases[9] AS b9, (segmento).unidades[9] AS u9, (segmento).bases[10] AS b10, (segmento).unidades[10] AS u10,
           (segmento).bases[11] AS b11, (segmento).unidades[11] AS u11,
           (segmento).bases[12] AS b12, (segmento).unidades[12] AS u12,
           (segmento).bases[13] AS b13, (segmento).unidades[13] AS u13,
           (segmento).bases[14] AS b14, (segmento).unidades[14] AS u14,
           (segmento).bases[15] AS b15, (segmento).unidades[15] AS u15,
           (segmento).bases[16] AS b16, (segmento).unidades[16] AS u16,
           (segmento).bases[17] AS b17, (segmento).unidades[17] AS u17,
           (segmento).bases[18] AS b18, (segmento).unidades[18] AS u18,
           (segmento).bases[19] AS b19, (segmento).unidades[19] AS u19,
           (segmento).bases[20] AS b20, (segmento).unidades[20] AS u20,
           (segmento).bases[21] AS b21, (segmento).unidades[21] AS u21,
           (segmento).bases[22] AS b22, (segmento).unidades[22] AS u22,
           (segmento).bases[23] AS b23, (segmento).unidades[23] AS u23,
           power(10::numeric, -(segmento).escalas[1]) AS e1, power(10::numeric, -(segmento).escalas[2]) AS e2,
           power(10::numeric, -(segmento).escalas[3]) AS e3, power(10::numeric, -(segmento).escalas[4]) AS e4,
           power(10::numeric, -(segmento).escalas[5]) AS e5, power(10::numeric, -(segmento).escalas[6]) AS e6,
           power(10::numeric, -(segmento).escalas[7]) AS e7, power(10::numeric, -(segmento).escalas[8]) AS e8,
           (segmento).textos::jsonb AS textos
    OFFSET 0
) AS k, LATERAL (
    SELECT g.*, sum(v1) OVER hasta AS s1, sum(v2) OVER hasta AS s2, sum(v3) OVER hasta AS s3, sum(v4) OVER hasta AS s4,
           sum(v11) OVER hasta AS s11, sum(v12) OVER hasta AS s12, sum(v13) OVER hasta AS s13, sum(v16) OVER hasta AS s16,
           sum(v17) OVER hasta AS s17, sum(v18) OVER hasta AS s18, sum(v19) OVER hasta AS s19
    FROM (
        SELECT generate_subscripts((segmento).huella, 1) AS orden, unnest((segmento).huella) AS huella,
               unnest(pasos((segmento).id)) AS v1, unnest(pasos((segmento).latitud)) AS v2,
               unnest(pasos((segmento).longitud)) AS v3, unnest(pasos((segmento).altitud)) AS v4,
               unnest(pasos((segmento).velocidad)) AS v5, unnest(pasos((segmento).rumbo)) AS v6,
               unnest(pasos((segmento).satelites)) AS v7, unnest(pasos((segmento).hdop)) AS v8,
               unnest(pasos((segmento).ignicion)) AS v9, unnest(pasos((segmento).bateria)) AS v10,
               unnest(pasos((segmento).odometro)) AS v11, unnest(pasos((segmento).fecha_gps)) AS v12,
               unnest(pasos((segmento).fecha_recepcion)) AS v13, unnest(pasos((segmento).calidad_datos)) AS v14,
               unnest(pasos((segmento).raw_data)) AS v15, unnest(pasos((segmento).numeros[1])) AS v16,
               unnest(pasos((segmento).numeros[2])) AS v17, unnest(pasos((segmento).numeros[3])) AS v18,
               unnest(pasos((segmento).numeros[4])) AS v19, unnest(pasos((segmento).numeros[5])) AS v20,
               unnest(pasos((segmento).numeros[6])) AS v21, unnest(pasos((segmento).numeros[7])) AS v22,
               unnest(pasos((segmento).numeros[8])) AS v23,
               unnest(CASE WHEN (segmento).unidades[1] IS NULL THEN ((segmento).id).ocho END) AS w1,
               unnest(CASE WHEN (segmento).unidades[11] IS NULL THEN ((segmento).odometro).ocho END) AS w11,
               unnest(CASE WHEN (segmento).unidades[12] IS NULL THEN ((segmento).fecha_gps).ocho END) AS w12,
               unnest(CASE WHEN (segmento).unidades[13] IS NULL THEN ((segmento).fecha_recepcion).ocho END) AS w13,
               unnest(CASE WHEN (segmento).unidades[16] IS NULL THEN ((segmento).numeros[1]).ocho END) AS w16,
               unnest(CASE WHEN (segmento).unidades[17] IS NULL THEN ((segmento).numeros[2]).ocho END) AS w17,
               unnest(CASE WHEN (segmento).unidades[18] IS NULL THEN ((segmento).numeros[3]).ocho END) AS w18,
               unnest(CASE WHEN (segmento).unidades[19] IS NULL THEN ((segmento).numeros[4]).ocho END) AS w19,
               unnest(CASE WHEN (segmento).unidades[20] IS NULL THEN ((segmento).numeros[5]).ocho END) AS w20,
               unnest(CASE WHEN (segmento).unidades[21] IS NULL THEN ((segmento).numeros[6]).ocho END) AS w21,
               unnest(CASE WHEN (segmento).unidades[22] IS NULL THEN ((segmento).numeros[7]).ocho END) AS w22,
               unnest(CASE WHEN (segmento).unidades[23] IS NULL THEN ((segmento).numeros[8]).ocho END) AS w23
    ) AS g
    WINDOW hasta AS (ROWS UNBOUNDED PRECEDING)
) AS f
$$;

CREATE OR REPLACE VIEW posiciones_historicas AS
    SELECT id, movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria, odometro,
           fecha_gps, fecha_recepcion, raw_data, calidad_datos, huella
    FROM posiciones_recientes
    UNION ALL
    SELECT d.id, s.movil_id, d.latitud::numeric(10, 6), d.longitud::numeric(10, 6), d.altitud::numeric(8, 2),
           d.velocidad::numeric(6, 2), d.rumbo::numeric(5, 2), d.satelites, d.hdop::numeric(4, 2), d.ignicion, d.bateria,
           d.odometro::numeric(10, 2), d.fecha_gps, d.fecha_recepcion, d.raw_data, d.calidad_datos::varchar(20), d.huella
    FROM posiciones_compactas AS s, LATERAL descompactar(s) AS d;

-- One vehicle's fixes from one instant to another, both included. Unlike the view, it opens only the segments of those days. The
-- rows have their conditions outside of the UNION: only so are the newest of them read by the index, without a sort. Who wants no
-- more than the newest few says so in `ultimas`, besides ORDER BY and LIMIT: then no more days than these are on are opened.
CREATE FUNCTION historia(movil integer, desde timestamptz, hasta timestamptz, ultimas integer DEFAULT 2147483647) RETURNS TABLE (
    id bigint, movil_id integer, latitud numeric, longitud numeric, altitud numeric, velocidad numeric, rumbo numeric,
    satelites smallint, hdop numeric, ignicion boolean, bateria smallint, odometro numeric, fecha_gps timestamptz,
    fecha_recepcion timestamptz, raw_data jsonb, calidad_datos varchar, huella integer
) LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 AS $$
    SELECT h.* FROM (
        SELECT p.id, p.movil_id, p.latitud, p.longitud, p.altitud, p.velocidad, p.rumbo, p.satelites, p.hdop, p.ignicion,
               p.bateria, p.odometro, p.fecha_gps, p.fecha_recepcion, p.raw_data, p.calidad_datos, p.huella
        FROM posiciones_recientes AS p
        UNION ALL
        SELECT d.id, s.movil_id, d.latitud, d.longitud, d.altitud, d.velocidad, d.rumbo, d.satelites, d.hdop, d.ignicion,
               d.bateria, d.odometro, d.fecha_gps, d.fecha_recepcion, d.raw_data, d.calidad_datos, d.huella
        FROM (
            SELECT c.dia, sum(CASE WHEN c.desde >= historia.desde AND c.hasta <= historia.hasta THEN c.fixes ELSE 0 END)
                          OVER (ORDER BY c.dia DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS despues
            FROM posiciones_compactas AS c
            WHERE c.movil_id = movil AND c.dia >= (historia.desde AT TIME ZONE 'UTC')::date
                  AND c.dia <= (historia.hasta AT TIME ZONE 'UTC')::date AND c.desde <= historia.hasta AND c.hasta >= historia.desde
        ) AS u JOIN posiciones_compactas AS s ON s.movil_id = movil AND s.dia = u.dia, LATERAL descompactar(s) AS d
        WHERE coalesce(u.despues, 0) < ultimas
    ) AS h
    WHERE h.movil_id = movil AND h.fecha_gps >= historia.desde AND h.fecha_gps <= historia.hasta
$$;

-- Whoever writes a vehicle's day of a compact month, in either form, holds its lock. A few keys for all days: a statement may
-- touch very many, and each lock has its place in shared memory.
CREATE FUNCTION cerrojo_compactas(movil integer, dia date) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT (hashtext(''waygps.compactas'')::bigint << 10) + (movil + (dia - date ''2000-01-01'')::bigint) % 512';

-- On the rows of a compact month only: a retransmission of a fix that is in a segment adds nothing.
CREATE FUNCTION omitir_compactada() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    del_dia date := (NEW.fecha_gps AT TIME ZONE 'UTC')::date;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(cerrojo_compactas(NEW.movil_id, del_dia));
    -- A statement of its own, so that it sees what was committed while waiting for the lock.
    PERFORM FROM posiciones_compactas AS s, LATERAL descompactar(s) AS d
    WHERE s.movil_id = NEW.movil_id AND s.dia = del_dia AND NEW.fecha_gps BETWEEN s.desde AND s.hasta
          AND NEW.huella = ANY (s.huella) AND d.fecha_gps = NEW.fecha_gps AND d.huella = NEW.huella;
    IF FOUND THEN RETURN NULL; END IF;
    RETURN NEW;
END $$;

-- Makes the compact partition of this month (UTC), and guards the month's rows, so that its segments can be written.
CREATE FUNCTION asegurar_compactas(mes date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    desde date := date_trunc('month', mes)::date;
    hasta date := (date_trunc('month', mes) + interval '1 month')::date;
    filas text := 'posiciones_recientes_' || to_char(mes, 'YYYY_MM');
    nombre text := 'posiciones_compactas_' || to_char(mes, 'YYYY_MM');
BEGIN
    PERFORM asegurar_particion(desde::timestamp AT TIME ZONE 'UTC');
    PERFORM pg_advisory_xact_lock(hashtext('waygps.particiones'));
    IF to_regclass(nombre) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE posiciones_compactas INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', nombre);
        EXECUTE format('ALTER TABLE posiciones_compactas ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', nombre, desde, hasta);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = filas::regclass AND tgname = 'omitir_compactada') THEN
        EXECUTE format('CREATE TRIGGER omitir_compactada BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION omitir_compactada()',
                       filas);
    END IF;
END $$;

-- Puts a vehicle's day back into rows, so that they can be changed; the next compaction takes them again. Gives their number.
CREATE FUNCTION expandir(movil integer, del_dia date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    segmento posiciones_compactas;
BEGIN
    PERFORM pg_advisory_xact_lock(cerrojo_compactas(movil, del_dia));
    DELETE FROM posiciones_compactas AS s WHERE s.movil_id = movil AND s.dia = del_dia RETURNING s.* INTO segmento;
    IF NOT FOUND THEN RETURN 0; END IF;
    INSERT INTO posiciones_recientes SELECT * FROM descompactar(segmento);
    RETURN segmento.fixes;
END $$;

-- The view is written like the table it was.
CREATE FUNCTION escribir_historia() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO posiciones_recientes SELECT NEW.*;
        RETURN CASE WHEN FOUND THEN NEW END;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM posiciones_recientes AS p
        WHERE p.movil_id = OLD.movil_id AND p.fecha_gps = OLD.fecha_gps AND p.huella = OLD.huella;
    ELSE
        UPDATE posiciones_recientes AS p SET
            (id, movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria, odometro, fecha_gps,
             fecha_recepcion, raw_data, calidad_datos, huella) = (SELECT NEW.*)
        WHERE p.movil_id = OLD.movil_id AND p.fecha_gps = OLD.fecha_gps AND p.huella = OLD.huella;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the fix of vehicle % at % is in the compact form, which is not changed row by row', OLD.movil_id, OLD.fecha_gps
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('SELECT expandir(%s, %L) puts that day back into rows; then repeat the statement.',
                                OLD.movil_id, (OLD.fecha_gps AT TIME ZONE 'UTC')::date);
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER escribir_historia INSTEAD OF INSERT OR UPDATE OR DELETE ON posiciones_historicas
    FOR EACH ROW EXECUTE FUNCTION escribir_historia();

CREATE OR REPLACE FUNCTION borrar_historia() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM posiciones_recientes WHERE movil_id = OLD.id;
    DELETE FROM posiciones_compactas WHERE movil_id = OLD.id;
    RETURN NULL;
END $$;
