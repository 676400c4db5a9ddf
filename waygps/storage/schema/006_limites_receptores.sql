-- A receiver's own limits. NULL: the configuration's (limits.*); 0: none. Until now nothing used these columns, and what every row got
-- without anybody's choice (100 connections, 1000 devices, 30 seconds) would cut an honest fleet: those values become NULL.

ALTER TABLE configuraciones_receptores
    ALTER COLUMN max_conexiones DROP NOT NULL, ALTER COLUMN max_conexiones DROP DEFAULT,
    ALTER COLUMN max_equipos DROP NOT NULL, ALTER COLUMN max_equipos DROP DEFAULT,
    ALTER COLUMN timeout DROP NOT NULL, ALTER COLUMN timeout DROP DEFAULT;

UPDATE configuraciones_receptores SET
    max_conexiones = CASE WHEN max_conexiones >= 0 AND max_conexiones <> 100 THEN max_conexiones END,
    max_equipos = CASE WHEN max_equipos >= 0 AND max_equipos <> 1000 THEN max_equipos END,
    timeout = CASE WHEN timeout >= 0 AND timeout <> 30 THEN timeout END;

ALTER TABLE configuraciones_receptores
    ADD CHECK (max_conexiones >= 0), ADD CHECK (max_equipos >= 0), ADD CHECK (timeout >= 0);

COMMENT ON COLUMN configuraciones_receptores.max_conexiones IS 'connections open at once; NULL: limits.connections_receiver; 0: no limit';
COMMENT ON COLUMN configuraciones_receptores.max_equipos IS 'devices at once; NULL: limits.devices_receiver; 0: no limit';
COMMENT ON COLUMN configuraciones_receptores.timeout IS 'seconds without a message before a connection is closed; NULL: limits.idle; 0: never';
