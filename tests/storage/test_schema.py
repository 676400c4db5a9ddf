"""The schema: the tables that other programs read, and the rules that PostgreSQL itself keeps."""

from __future__ import annotations

import psycopg2
import pytest

from tests.postgres import DatabaseTest, connected
from tests.storage import vehicle

TABLES = {
    "moviles": "id imei patente ultimo_lat ultimo_lon ultima_velocidad_kmh ultimo_rumbo ignicion ignicion_estado"
    " bateria_porcentaje calidad_senal fecha_gps fecha_recepcion ultima_actualizacion estado_conexion",
    "posiciones_historicas": "id movil_id latitud longitud altitud velocidad rumbo satelites hdop ignicion bateria odometro"
    " fecha_gps fecha_recepcion raw_data calidad_datos",
    "tipos_equipos_gps": "id codigo nombre fabricante protocolo puerto_default formato_datos activo",
    "configuraciones_receptores": "id nombre tipo_equipo_id puerto protocolo activo max_conexiones max_equipos timeout region"
    " prioridad configuracion_avanzada",
    "estadisticas_recepcion": "id receptor_id fecha equipos_conectados datos_recibidos datos_procesados errores"
    " latencia_promedio",
}
NUMBERS = {
    ("posiciones_historicas", "latitud"): (10, 6),
    ("posiciones_historicas", "longitud"): (10, 6),
    ("posiciones_historicas", "altitud"): (8, 2),
    ("posiciones_historicas", "velocidad"): (6, 2),
    ("posiciones_historicas", "rumbo"): (5, 2),
    ("posiciones_historicas", "hdop"): (4, 2),
    ("posiciones_historicas", "odometro"): (10, 2),
    ("estadisticas_recepcion", "latencia_promedio"): (8, 3),
}
INSERT = "INSERT INTO posiciones_historicas (movil_id, latitud, longitud, fecha_gps, huella) VALUES (1, 0, 0, %s, 0)"
PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'posiciones_recientes'::regclass"
MARCH = "2021-03-15T00:00:00Z"


class SchemaTest(DatabaseTest):
    def test_tables_and_columns(self) -> None:
        """A program that was written against the user's data model finds every table and column by its name."""
        found: dict[str, set[str]] = {}
        for table, column in self.rows("SELECT table_name, column_name FROM information_schema.columns"):
            found.setdefault(table, set()).add(column)
        for table, columns in TABLES.items():
            assert set(columns.split()) <= found[table], table

    def test_precision(self) -> None:
        """Decimal columns have the digits of the data model."""
        asked = (
            "SELECT numeric_precision, numeric_scale FROM information_schema.columns WHERE table_name = %s AND column_name = %s"
        )
        for (table, column), digits in NUMBERS.items():
            assert self.rows(asked, table, column) == [digits], (table, column)

    def test_partition_is_made_once(self) -> None:
        """Asking for a month that is there already changes nothing; a month is from its first instant to its last, in UTC."""
        before = self.rows(PARTITIONS)[0][0]
        for moment in (MARCH, "2021-03-01T00:00:00Z", "2021-03-31T23:59:59.999Z", "2021-03-31T21:00:00-02:59"):
            self.rows("SELECT asegurar_particion(%s)", moment)
        assert self.rows(PARTITIONS) == [(before + 1,)]
        for moment in ("2021-03-01T00:00:00Z", "2021-03-31T23:59:59.999999Z"):
            self.rows(INSERT, moment)
        assert self.rows("SELECT count(*) FROM posiciones_recientes_2021_03") == [(2,)]
        self.refuses("no partition", INSERT, "2021-04-01T00:00:00Z")

    def test_partition_beside_inserts(self) -> None:
        """A new month does not wait for running inserts of other months, and they do not wait for it."""
        one, other = connected(self.url), connected(self.url)
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        one.autocommit = other.autocommit = False
        first, second = one.cursor(), other.cursor()
        for cursor in (first, second):
            cursor.execute("SET lock_timeout = '2s'")
        first.execute(INSERT, ("2026-11-24T12:00:00Z",))
        second.execute("SELECT asegurar_particion(%s)", (MARCH,))
        first.execute(INSERT, ("2026-11-24T12:00:01Z",))
        other.commit()
        one.commit()
        assert self.rows("SELECT count(*) FROM posiciones_historicas") == [(2,)]

    def test_impossible_positions(self) -> None:
        """Whatever program writes into the history, an impossible position is refused."""
        insert = INSERT.replace("huella)", "huella, {})").replace("%s, 0)", "now(), 0, {})")
        self.refuses("latitud", INSERT.replace("(1, 0,", "(1, 91,"), "2026-11-24")
        self.refuses("longitud", INSERT.replace("0, 0, %s", "0, -180.5, %s"), "2026-11-24")
        for column, value in (("rumbo", "360"), ("rumbo", "-1"), ("velocidad", "-1"), ("calidad_datos", "'perfecta'")):
            self.refuses(column, insert.format(column, value))
        self.refuses("estado_conexion", "INSERT INTO moviles (imei, estado_conexion) VALUES ('1', 'dormido')")
        assert self.rows("SELECT count(*) FROM posiciones_historicas") == [(0,)]

    def test_one_vehicle_an_imei(self) -> None:
        """The same device cannot be entered twice."""
        vehicle(self.url, "1")
        self.refuses("moviles_imei_key", "INSERT INTO moviles (imei) VALUES ('1')")

    def test_one_receiver_a_port(self) -> None:
        """Two receivers cannot want one port, but TCP and UDP of one number are two ports."""
        columns, values = "codigo, nombre, fabricante, protocolo, puerto_default", "'a', 'A', 'A', 'TCP', 1"
        ((number,),) = self.rows(f"INSERT INTO tipos_equipos_gps ({columns}) VALUES ({values}) RETURNING id")
        receiver = "INSERT INTO configuraciones_receptores (nombre, tipo_equipo_id, puerto, protocolo) VALUES ('r', %s, %s, %s)"
        self.rows(receiver, number, 9000, "TCP")
        self.rows(receiver, number, 9000, "UDP")
        self.refuses("puerto", receiver, number, 9000, "TCP")
        self.refuses("puerto", receiver, number, 65536, "TCP")
        self.refuses("protocolo", receiver, number, 9001, "SCTP")

    def test_new_vehicle(self) -> None:
        """A vehicle entered by hand needs nothing but its device's identification."""
        vehicle(self.url, "860000000000001")
        assert self.rows("SELECT estado_conexion, ignicion, fecha_gps FROM moviles") == [("desconectado", False, None)]

    def refuses(self, word: str, sql: str, *arguments: object) -> None:
        """PostgreSQL refuses the statement, and says why with this word."""
        with pytest.raises(psycopg2.IntegrityError, match=word):
            self.rows(sql, *arguments)

    def test_deleted_vehicle(self) -> None:
        """A vehicle that is deleted takes its history along, and nobody else's."""
        self.rows("INSERT INTO moviles (id, imei) VALUES (7, 'a'), (8, 'b')")
        self.rows(
            "INSERT INTO posiciones_historicas (movil_id, latitud, longitud, fecha_gps, huella) "
            "SELECT id, 1, 2, now(), 0 FROM moviles"
        )
        self.rows("DELETE FROM moviles WHERE id = 7")
        assert self.rows("SELECT movil_id FROM posiciones_historicas") == [(8,)]
