"""The questions of area on a server without PostGIS."""

from __future__ import annotations

from contextlib import closing

from tests.postgres import DatabaseTest, connected
from tests.storage.areas import AreaQuestions
from waygps.storage.areas import install_areas


class AreasTest(AreaQuestions, DatabaseTest):
    timeout = 120
    index = "btree"
    off = 1e-9

    def setUp(self) -> None:
        super().setUp()
        assert self.install() == "nucleo"

    def install(self) -> str:
        """Install the questions, as every start does, and give the form."""
        with closing(connected(self.url)) as connection:
            connection.autocommit = False
            return install_areas(connection)

    def test_next_start(self) -> None:
        """The next start finds all as it is: the index is not built again."""
        index = "SELECT oid, relfilenode FROM pg_class WHERE relname LIKE 'posiciones_recientes%celda%' ORDER BY 1"
        before = self.rows(index)
        assert self.install() == "nucleo"
        assert before
        assert self.rows(index) == before
