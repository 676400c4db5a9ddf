-- Whoever changes a receiver, or a device type, tells the running server: it reads the tables again and opens, closes or moves what
-- is different. A statement that changes nothing tells it too, and a port that could not be opened is tried again.

CREATE FUNCTION avisar_receptores() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('waygps_receptores', '');
    RETURN NULL;
END $$;
CREATE TRIGGER configuraciones_receptores_avisar AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON configuraciones_receptores
    FOR EACH STATEMENT EXECUTE FUNCTION avisar_receptores();
CREATE TRIGGER tipos_equipos_gps_avisar AFTER UPDATE OR DELETE ON tipos_equipos_gps
    FOR EACH STATEMENT EXECUTE FUNCTION avisar_receptores();
