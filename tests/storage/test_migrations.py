"""Bringing a database to the schema, and what an operator reads when that cannot be."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from tests.ports import free_port
from tests.postgres import DatabaseTest, Server, connected, server
from waygps.errors import SchemaError, WayGPSError
from waygps.storage.migrations import connect, migrate, migrations

LEDGER = "SELECT version, archivo FROM versiones_esquema ORDER BY version"
RULES = "host all all 127.0.0.1/32 scram-sha-256"


def complaint(url: str, patience: float = 5) -> tuple[str, float]:
    """What connect says about this URL, and after how many seconds."""
    begun = time.monotonic()
    with pytest.raises(WayGPSError) as caught:
        connect(url, patience).close()
    return str(caught.value), time.monotonic() - begun


class MigrationTest(DatabaseTest):
    template = "template0"

    def test_fresh_database(self) -> None:
        """An empty database gets every file of the schema in order, and the ledger of them."""
        names = [path.name for _, path in sorted(migrations().items())]
        assert self.migrated() == names
        assert self.rows(LEDGER) == list(zip(sorted(migrations()), names, strict=True))

    def test_twice_is_once(self) -> None:
        """A second start finds nothing to do and leaves the data alone."""
        self.migrated()
        self.rows("INSERT INTO moviles (imei) VALUES ('1')")
        assert self.migrated() == []
        assert self.rows("SELECT imei FROM moviles") == [("1",)]

    def test_two_at_the_same_time(self) -> None:
        """Two servers started together on an empty database apply each file once, and both go on."""
        with ThreadPoolExecutor(4) as threads:
            applied = [name for future in [threads.submit(self.migrated) for _ in range(4)] for name in future.result(timeout=30)]
        assert sorted(applied) == sorted(path.name for path in migrations().values())

    def test_newer_database(self) -> None:
        """A program older than its database says both versions and touches nothing."""
        self.migrated()
        newest = max(migrations())
        self.rows("INSERT INTO versiones_esquema (version, archivo) VALUES (%s, 'futuro.sql')", newest + 7)
        with pytest.raises(SchemaError, match=rf"version {newest + 7}\b.*up to {newest}\b"):
            self.migrated()

    def test_half_a_migration(self) -> None:
        """A file that fails leaves the database as it was, so that the start can be repeated."""
        self.rows("CREATE TABLE sesiones (x int)")  # in the way of the last table
        with pytest.raises(psycopg2.Error, match="sesiones"):
            self.migrated()
        assert self.rows("SELECT to_regclass('moviles'), to_regclass('versiones_esquema')") == [(None, None)]
        self.rows("DROP TABLE sesiones")
        assert self.migrated() == [path.name for path in migrations().values()]

    def test_limits_that_nobody_chose(self) -> None:
        """A database from before a receiver's limits were used: what every row had by itself goes, what somebody chose stays."""
        (limits,) = [path for path in migrations().values() if "limites" in path.name]
        connection = connected(self.url)
        with connection.cursor() as cursor:
            for path in [path for _, path in sorted(migrations().items()) if path.name < limits.name]:
                cursor.execute(path.read_text())
            cursor.execute(
                """INSERT INTO tipos_equipos_gps (codigo, nombre, fabricante, protocolo, puerto_default)
                   VALUES ('a', 'A', 'A', 'TCP', 1)"""
            )
            cursor.execute(
                """INSERT INTO configuraciones_receptores (nombre, tipo_equipo_id, puerto, protocolo, max_conexiones, timeout)
                   SELECT 'r', id, n, 'TCP', 99 + n, 31 - n FROM tipos_equipos_gps, generate_series(1, 2) n"""
            )
            cursor.execute(limits.read_text())
        connection.close()
        own = "SELECT puerto, max_conexiones, max_equipos, timeout FROM configuraciones_receptores ORDER BY puerto"
        assert self.rows(own) == [(1, None, None, None), (2, 101, None, 29)]
        with pytest.raises(psycopg2.Error, match="check"):
            self.rows("UPDATE configuraciones_receptores SET timeout = -1")

    def migrated(self) -> list[str]:
        """The names of the files that a start applies."""
        connection = connected(self.url)
        connection.autocommit = False
        try:
            return migrate(connection)
        finally:
            connection.close()


class ComplaintTest(DatabaseTest):
    def test_unknown_database(self) -> None:
        """A typo in the database's name is said at once, with the name and the setting."""
        text, seconds = complaint(server().url.replace("/postgres?", "/gps_typo?"))
        assert 'database "gps_typo" does not exist' in text
        assert "database.url" in text
        assert seconds < 4

    def test_unknown_user(self) -> None:
        """A user that PostgreSQL does not know is said at once."""
        text, seconds = complaint(server().url.replace("postgres:@", "nadie:@"))
        assert 'role "nadie" does not exist' in text
        assert seconds < 4

    def test_no_server(self) -> None:
        """A server that is not there is waited for, and then named with its address."""
        port = free_port()
        text, seconds = complaint(f"postgresql://gps@127.0.0.1:{port}/gps", patience=1)
        assert "Connection refused" in text
        assert str(port) in text
        assert 1 <= seconds < 5

    def test_server_that_is_starting(self) -> None:
        """WayGPS and PostgreSQL may be started in any order: it waits until the server is there."""
        server().crash()
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(connect, self.url, 20)
            server().start()
            waiting.result(timeout=20).close()

    def test_bad_urls(self) -> None:
        """A URL that cannot be one is said at once, since waiting does not mend it."""
        for url in ("gps", "http://localhost/gps", "postgresql://h/db?colour=red", "postgresql://h:port/db", "host=h port=99999"):
            text, seconds = complaint(url)
            assert "database.url" in text, url
            assert seconds < 4, url

    def test_wrong_password(self) -> None:
        """A wrong password, and a missing one, are said at once with the user's name; the right one is let in."""
        own, port = Server(), free_port()
        self.addCleanup(own.remove)
        connection = connected(own.url)
        connection.cursor().execute("CREATE ROLE gps LOGIN PASSWORD 'correcta'")
        connection.close()
        own.listen(port, RULES)
        connect(f"postgresql://gps:correcta@127.0.0.1:{port}/postgres").close()
        for url in (f"postgresql://gps:mala@127.0.0.1:{port}/postgres", f"postgresql://gps@127.0.0.1:{port}/postgres"):
            text, seconds = complaint(url)
            assert "password" in text
            assert "mala" not in text
            assert seconds < 4
