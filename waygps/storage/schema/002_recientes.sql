-- The history becomes a view: posiciones_recientes has the rows as they came, one a fix, by month. What other programs read keeps
-- its name, posiciones_historicas, wherever a row is kept.

ALTER TABLE posiciones_historicas RENAME TO posiciones_recientes;
ALTER INDEX posiciones_historicas_pkey RENAME TO posiciones_recientes_pkey;
ALTER INDEX posiciones_historicas_fecha RENAME TO posiciones_recientes_fecha;

DO $$
DECLARE parte record;
BEGIN
    FOR parte IN SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
                 WHERE h.inhparent = 'posiciones_recientes'::regclass LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', parte.relname, replace(parte.relname, 'historicas', 'recientes'));
    END LOOP;
END $$;

-- No tracker reported before 2000, and a fix that is ahead of its reception by more than a day (the greatest tolerance that can be
-- configured, and an hour) is not one.
ALTER TABLE posiciones_recientes ADD CONSTRAINT posiciones_fecha_posible
    CHECK (fecha_gps >= '2000-01-01 00:00:00+00' AND fecha_gps - fecha_recepcion <= interval '25 hours');

CREATE VIEW posiciones_historicas AS
    SELECT id, movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria, odometro,
           fecha_gps, fecha_recepcion, raw_data, calidad_datos, huella
    FROM posiciones_recientes;
COMMENT ON VIEW posiciones_historicas IS 'The whole history, one row a fix, wherever it is kept.';
ALTER VIEW posiciones_historicas ALTER COLUMN id SET DEFAULT nextval('posiciones_historicas_id_seq');
ALTER VIEW posiciones_historicas ALTER COLUMN ignicion SET DEFAULT false;
ALTER VIEW posiciones_historicas ALTER COLUMN fecha_recepcion SET DEFAULT now();
ALTER VIEW posiciones_historicas ALTER COLUMN calidad_datos SET DEFAULT 'buena';

CREATE OR REPLACE FUNCTION borrar_historia() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM posiciones_recientes WHERE movil_id = OLD.id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION asegurar_particion(momento timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    desde timestamptz := date_trunc('month', momento AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    hasta timestamptz := (date_trunc('month', momento AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    nombre text := 'posiciones_recientes_' || to_char(momento AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    IF to_regclass(nombre) IS NOT NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('waygps.particiones'));
    -- Not to_regclass again: a session remembers that there was none until it next locks a table.
    IF EXISTS (SELECT FROM pg_class WHERE relname = nombre AND pg_table_is_visible(oid)) THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE %I (LIKE posiciones_recientes INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', nombre);
    EXECUTE format('ALTER TABLE posiciones_recientes ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', nombre, desde, hasta);
END $$;

CREATE TABLE contadores_moviles (
    movil_id        integer PRIMARY KEY REFERENCES moviles ON DELETE CASCADE,
    recibidos       bigint NOT NULL DEFAULT 0,            -- fixes received, all of the below included
    repetidos       bigint NOT NULL DEFAULT 0,            -- were in the history already: retransmissions
    tardios         bigint NOT NULL DEFAULT 0,            -- older than the newest of the vehicle: history, not current position
    futuros         bigint NOT NULL DEFAULT 0,            -- ahead of the reception by more than the tolerance: set apart
    rechazados      bigint NOT NULL DEFAULT 0,            -- set apart for another reason
    desfase_reloj_s integer,                              -- the device's clock against the reception, median of its last reports,
                                                          -- seconds, ahead is positive; null: too few to tell
    actualizado     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE contadores_moviles IS 'What became of each vehicle''s fixes, written once a minute.';
