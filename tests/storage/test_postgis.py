"""The questions of area on a server with PostGIS, whose programs are in the directory TEST_POSTGIS."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path
from unittest import SkipTest

import psycopg2
from twisted.trial.unittest import TestCase

from tests.postgres import connected, execute
from tests.storage.areas import AreaDatabase, AreaQuestions
from waygps.storage.areas import install_areas
from waygps.storage.database import make_partitions
from waygps.storage.migrations import migrate

SETTINGS = "fsync = off\nfull_page_writes = off\nautovacuum = off\nlisten_addresses = ''\nunix_socket_directories = '{}'\n"
_numbers = count(1)


class PostgisServer:
    """A PostgreSQL of the system's in a temporary directory, reached by a socket in it; not root's, which initdb refuses."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = "postgres" if os.geteuid() == 0 else None
        self.directory = Path(tempfile.mkdtemp(prefix="waygps-postgis-"))
        atexit.register(shutil.rmtree, self.directory)
        if self._user:
            shutil.chown(self.directory, self._user)
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--username=postgres")
        with (self.directory / "data" / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(self.directory))
        self._run("pg_ctl", "-w", "-l", str(self.directory / "log"), "start")
        atexit.register(self._run, "pg_ctl", "-w", "-m", "immediate", "stop")

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql:///{database}?host={self.directory}&user=postgres"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self.directory / "data"), *arguments]
        subprocess.run(command, check=True, user=self._user, cwd=self.directory, stdout=subprocess.DEVNULL)


@cache
def server() -> PostgisServer:
    """The server of this process, with a database ``plantilla`` that has the schema."""
    started = PostgisServer(Path(os.environ["TEST_POSTGIS"]))
    execute(started.url("postgres"), "CREATE DATABASE plantilla")
    with closing(psycopg2.connect(started.url("plantilla"))) as connection:
        migrate(connection)
        make_partitions(connection)
    return started


class PostgisDatabase(AreaDatabase, TestCase):
    """A test with a fresh database of a server that has PostGIS."""

    timeout = 120

    def setUp(self) -> None:
        if not os.environ.get("TEST_POSTGIS"):
            raise SkipTest("TEST_POSTGIS names no directory of a PostgreSQL with PostGIS: make pytest sets it")
        name = f"prueba_{next(_numbers)}"
        execute(server().url("postgres"), f"CREATE DATABASE {name} TEMPLATE plantilla")
        self.url = server().url(name)
        self.addCleanup(execute, server().url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")

    def install(self, url: str = "", *, postgis: bool = True) -> str:
        """Install the questions, as every start does, and give the form."""
        with closing(connected(url or self.url)) as connection:
            connection.autocommit = False
            return install_areas(connection, postgis=postgis)


class PostgisTest(AreaQuestions, PostgisDatabase):
    index = "gist"

    def setUp(self) -> None:
        super().setUp()
        assert self.install() == "postgis"


class FormsTest(PostgisDatabase):
    """The ways from one form to the other."""

    def setUp(self) -> None:
        super().setUp()
        assert self.install(postgis=False) == "nucleo"

    def answers(self) -> list[list[int]]:
        """What both forms have to say the same of."""
        rectangle = self.numbers("posiciones_en_rectangulo", -35, -59, -34, -58)
        return [
            rectangle,
            self.numbers("posiciones_en_radio", -34.6, -58.4, 1000),
            self.numbers("posiciones_cercanas", -34, -58, 2),
        ]

    def indexes(self) -> list[str]:
        """Which of the two indexes of area are there."""
        names = "SELECT relname FROM pg_class WHERE relname IN ('posiciones_recientes_celda', 'posiciones_recientes_lugar')"
        return [name for (name,) in self.rows(names)]

    def test_postgis_comes_and_goes(self) -> None:
        """A server that gets PostGIS answers with it from the next start on, and without it again when it is taken away."""
        self.write([(-34.6, -58.4), (-34.601, -58.401), (-33.0, -58.0)])
        before = self.answers()
        assert self.install() == "postgis"
        assert (self.answers(), self.indexes()) == (before, ["posiciones_recientes_lugar"])
        self.rows("DROP EXTENSION postgis CASCADE")
        assert self.install(postgis=False) == "nucleo"
        assert (self.answers(), self.indexes()) == (before, ["posiciones_recientes_celda"])

    def test_next_start(self) -> None:
        """The next start finds PostGIS' index as it is, and does not build it again."""
        index = "SELECT oid, relfilenode FROM pg_class WHERE relname = 'posiciones_recientes_lugar'"
        assert self.install() == "postgis"
        before = self.rows(index)
        assert self.install() == "postgis"
        assert before
        assert self.rows(index) == before

    def test_may_not(self) -> None:
        """A user who may not make extensions gets the form without PostGIS, and a start that does not fail."""
        name = f"dueno_{next(_numbers)}"
        execute(server().url("postgres"), f"CREATE ROLE {name} LOGIN")
        execute(server().url("postgres"), f"CREATE DATABASE {name} OWNER {name}")
        url = server().url(name).replace("user=postgres", f"user={name}")
        self.addCleanup(execute, server().url("postgres"), f"DROP ROLE {name}")
        self.addCleanup(execute, server().url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")
        with closing(psycopg2.connect(url)) as connection:
            migrate(connection)
        assert self.install(url) == "nucleo"
