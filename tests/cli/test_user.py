"""``waygps user``: an operator makes accounts and sets passwords."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from click.testing import CliRunner, Result

from tests.postgres import DatabaseTest
from waygps import first_login
from waygps.cli import main
from waygps.storage.accounts import Accounts


class UserTest(DatabaseTest):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(tempfile.mkdtemp(prefix="waygps-tests-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def run_command(self, *arguments: str, typed: str = "", **environment: str) -> Result:
        """Run ``waygps user`` on the database of this test."""
        settings = {"WAYGPS_DATABASE_URL": self.url, "WAYGPS_DATA_DIR": str(self.directory), **environment}
        return CliRunner(env=settings).invoke(main, ["user", *arguments], input=typed)

    async def may_enter(self, name: str, password: str) -> bool:
        """Whether this login works."""
        return await Accounts(await self.session(), 1).log_in(name, password) is not None

    async def test_new_user(self) -> None:
        """The command makes a user who can log in at once, and asks for the password twice without showing it."""
        result = self.run_command("password", "eva", typed="clave de eva\nclave de eva\n")
        assert result.exit_code == 0, result.output
        assert "the password of eva is set" in result.output
        assert "clave de eva" not in result.output
        assert await self.may_enter("eva", "clave de eva")

    async def test_changed_password(self) -> None:
        """A password set anew replaces the old one."""
        for password in ("primera", "segunda"):
            assert self.run_command("password", "eva", "--password", password).exit_code == 0
        assert not await self.may_enter("eva", "primera")
        assert await self.may_enter("eva", "segunda")
        assert self.rows("SELECT count(*) FROM usuarios") == [(1,)]

    def test_mistyped_password(self) -> None:
        """Two passwords that differ are asked for again, and nothing is set until they agree."""
        result = self.run_command("password", "eva", typed="una\notra\n")
        assert result.exit_code != 0
        assert self.rows("SELECT count(*) FROM usuarios") == [(0,)]

    def test_impossible_accounts(self) -> None:
        """A name that does not fit and an empty password are refused in one line, without a traceback."""
        for arguments in (("n" * 65, "--password", "clave"), ("eva", "--password", ""), ("", "--password", "clave")):
            result = self.run_command("password", *arguments)
            assert result.exit_code in (1, 2), arguments
            assert isinstance(result.exception, SystemExit), (arguments, result.exception)
            assert "Error: " in result.output, arguments
        assert self.rows("SELECT count(*) FROM usuarios") == [(0,)]

    def test_first_login_is_forgotten(self) -> None:
        """The file with the first password goes when that password is changed, and only then."""
        path = first_login.keep(self.directory, "admin", "primera")
        self.run_command("password", "eva", "--password", "clave")
        assert path.exists()
        self.run_command("password", "admin", "--password", "clave")
        assert not path.exists()

    def test_database_that_is_not_there(self) -> None:
        """A wrong database is said in one line with the setting."""
        result = self.run_command("password", "eva", "--password", "x", WAYGPS_DATABASE_URL=self.url.replace("/prueba", "/nada"))
        assert result.exit_code == 1
        assert "does not exist (setting database.url)" in result.output
        assert "Traceback" not in result.output

    def test_typo_in_the_configuration(self) -> None:
        """A configuration with a typo is refused with the key."""
        file = self.directory / "waygps.toml"
        file.write_text("[database]\nurll = ''\n")
        result = self.run_command("--config", str(file), "password", "eva", "--password", "x")
        assert result.exit_code == 1
        assert "database.urll is not a setting" in result.output

    def test_embedded_database(self) -> None:
        """Without a database of one's own the command works on the embedded one, and leaves no PostgreSQL running."""
        for password in ("primera", "segunda"):
            result = self.run_command(
                "--data-dir", str(self.directory), "password", "eva", "--password", password, WAYGPS_DATABASE_URL=""
            )
            assert result.exit_code == 0, result.output
            assert not (self.directory / "postgres" / "postmaster.pid").exists()
