"""What a start does with the database before it serves anybody."""

from __future__ import annotations

import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fakes import logged
from tests.postgres import DatabaseTest
from tests.storage.test_receivers import vendor
from waygps.errors import WayGPSError
from waygps.ingest.vendors import Found
from waygps.preparation import prepare
from waygps.storage.receivers import Receiver

VENDORS = {name: Found(vendor(name, port), f"{name}.py") for name, port in (("acme", 9000), ("zeta", 9001))}


class PreparationTest(DatabaseTest):
    template = "template0"

    def setUp(self) -> None:
        super().setUp()
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.data_dir = Path(directory.name) / "datos"

    def prepared(self, ports: dict[str, int] | None = None, vendors: dict[str, Found] = VENDORS) -> list[Receiver]:
        """The receivers of a start."""
        return prepare(self.url, self.data_dir, vendors, ports or {})

    def test_empty_database(self) -> None:
        """The first start makes the tables, the months ahead, the receivers and one login, and says where its password is."""
        with logged() as lines:
            receivers = self.prepared()
        assert [(each.vendor, each.port, each.transport) for each in receivers] == [
            ("acme", 9000, "TCP"),
            ("acme", 9000, "UDP"),
            ("zeta", 9001, "TCP"),
            ("zeta", 9001, "UDP"),
        ]
        assert self.rows("SELECT count(*) FROM pg_inherits WHERE inhparent = 'posiciones_recientes'::regclass") == [(4,)]
        user, password = self.login().read_text().split()
        assert self.rows("SELECT nombre FROM usuarios") == [(user,)]
        assert any(str(self.login()) in line for line in lines)
        assert not any(password in line for line in lines)

    def test_only_the_owner_reads_the_login(self) -> None:
        """The file with the first password is nobody else's."""
        self.prepared()
        assert stat.S_IMODE(self.login().stat().st_mode) == 0o600

    def test_second_start(self) -> None:
        """A restart changes neither receivers nor logins."""
        first = self.prepared()
        before = self.login().read_text()
        with logged() as lines:
            assert self.prepared() == first
        assert [line for line in lines if not ("fsync" in line or "questions of area" in line)] == []
        assert self.login().read_text() == before
        assert self.rows("SELECT count(*) FROM usuarios") == [(1,)]

    def test_database_that_forgets(self) -> None:
        """A PostgreSQL that does not write through, as the tests' own, is complained of."""
        with logged() as lines:
            self.prepared()
        assert [line for line in lines if "fsync off" in line and "power cut" in line]

    def test_other_ports(self) -> None:
        """The configuration's port for a vendor goes before the table's, and leaves the table alone."""
        receivers = self.prepared({"zeta": 19001})
        assert [each.port for each in receivers] == [9000, 9000, 19001, 19001]
        assert self.rows("SELECT DISTINCT puerto FROM configuraciones_receptores ORDER BY 1") == [(8079,), (9000,), (9001,)]

    def test_any_vendor(self) -> None:
        """A receiver of type auto that is switched on is opened, on the configuration's port where that names one."""
        self.prepared()
        self.rows("UPDATE configuraciones_receptores SET activo = true WHERE puerto = 8079")
        with logged() as lines:
            receivers = self.prepared({"auto": 18079})
        assert [(each.port, each.transport) for each in receivers if each.vendor == "auto"] == [(18079, "TCP"), (18079, "UDP")]
        assert not [line for line in lines if "auto" in line]

    def test_vendor_that_is_gone(self) -> None:
        """A receiver whose protocol file was taken away is named in the log, and the others are opened."""
        self.prepared()
        with logged() as lines:
            receivers = self.prepared(vendors={"acme": VENDORS["acme"]})
        assert {each.vendor for each in receivers} == {"acme"}
        assert [line for line in lines if "Zeta TCP" in line and "no vendor zeta" in line]

    def test_no_place_for_the_login(self) -> None:
        """Where the first password cannot be written the operator is told, and gets it with the start that can."""
        self.data_dir.parent.joinpath("datos").write_text("in the way")
        with pytest.raises(WayGPSError, match="data_dir"):
            self.prepared()
        self.data_dir.unlink()
        self.prepared()
        assert self.login().read_text().startswith("admin ")

    def login(self) -> Path:
        """The file with the first login."""
        return self.data_dir / "first-login.txt"
