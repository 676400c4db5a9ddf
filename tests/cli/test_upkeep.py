"""``waygps compact`` and ``waygps cleanup``: an operator looks after the history by hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner, Result

from tests.storage.compacting import DIGEST, ROWS, SEGMENTS, HistoryTest
from waygps.cli import main

MARCH = datetime(2024, 3, 4, tzinfo=UTC)
REFUSED = "INSERT INTO posiciones_rechazadas (imei, motivo, fix, fecha_recepcion, huella) VALUES ('a', 'prueba', '{}', %s, 1)"


class UpkeepTest(HistoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(tempfile.mkdtemp(prefix="waygps-tests-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.fill(vehicles=2, fixes=100, start=MARCH)

    def run_command(self, *arguments: str, **environment: str) -> Result:
        """Run ``waygps`` on the database of this test."""
        settings = {"WAYGPS_DATABASE_URL": self.url, "WAYGPS_DATA_DIR": str(self.directory), **environment}
        return CliRunner(env=settings).invoke(main, arguments)

    def says(self, *arguments: str, **environment: str) -> str:
        """What a command prints that does its work."""
        result = self.run_command(*arguments, **environment)
        assert result.exit_code == 0, result.output
        return result.output

    def test_nothing_configured(self) -> None:
        """Without an age in the configuration or on the command line nothing is done, and the output says what to set."""
        for command, setting in (("compact", "history.compact_after_days"), ("cleanup", "history.keep_days")):
            said = self.says(command)
            assert setting in said
            assert "--days N" in said
        assert self.rows(ROWS) == [(200,)]

    def test_compact(self) -> None:
        """Compacting prints the month, its fixes and what it takes on disk; the history reads as before."""
        before = self.digest()
        assert self.says("compact", "--days", "30").startswith("2024-03: 200 fixes compacted, 0 left as rows; ")
        assert (self.digest(), self.rows(ROWS), self.rows(SEGMENTS)) == (before, [(0,)], [(2,)])
        assert self.says("compact", "--days", "30") == "no month of this age has rows to compact\n"

    def test_compact_by_configuration(self) -> None:
        """The age of the configuration counts where the command line says none."""
        assert "no month" in self.says("compact", WAYGPS_HISTORY_COMPACT_AFTER_DAYS="36500")
        assert "200 fixes" in self.says("compact", WAYGPS_HISTORY_COMPACT_AFTER_DAYS="1")

    def test_compact_dry_run(self) -> None:
        """A dry run names the months, and changes nothing."""
        said = self.says("compact", "--days", "0", "--dry-run")
        assert said.startswith("2024-03: 0.")
        assert said.endswith(" MB would be compacted\n")
        assert (self.rows(ROWS), self.rows(SEGMENTS)) == ([(200,)], [(0,)])

    def test_cleanup(self) -> None:
        """Deleting prints the month, its fixes and what it took on disk, and the refused fixes of that time."""
        self.rows(REFUSED, MARCH)
        month, refused = self.says("cleanup", "--days", "30").splitlines()
        assert month.startswith("2024-03: 200 fixes, 0.")
        assert month.endswith(" MB deleted")
        assert refused == "refused fixes: 1 deleted"
        assert self.rows(DIGEST) == [(0, None)]
        assert self.says("cleanup", "--days", "30") == "nothing is that old\n"

    def test_cleanup_dry_run(self) -> None:
        """A dry run says what would be deleted, and deletes nothing."""
        self.rows(REFUSED, MARCH)
        said = self.says("cleanup", "--dry-run", WAYGPS_HISTORY_KEEP_DAYS="30")
        assert said.startswith("2024-03: 200 fixes, 0.")
        assert said.endswith("MB would be deleted\nrefused fixes: 1 would be deleted\n")
        assert self.rows(ROWS) == [(200,)]

    def test_history_that_is_kept(self) -> None:
        """Nothing is deleted that is younger than what is configured."""
        assert self.says("cleanup", WAYGPS_HISTORY_KEEP_DAYS="36500") == "nothing is that old\n"
        assert self.rows(ROWS) == [(200,)]

    def test_wrong_age(self) -> None:
        """An age that is none is refused in one line."""
        for command in ("compact", "cleanup"):
            result = self.run_command(command, "--days", "-1")
            assert result.exit_code == 2
            assert "-1 is not in the range" in result.output

    def test_database_that_is_not_there(self) -> None:
        """A wrong database, or one that refuses, is said in one line."""
        for command in ("compact", "cleanup"):
            result = self.run_command(command, "--days", "1", WAYGPS_DATABASE_URL=self.url.replace("/prueba", "/nada"))
            assert result.exit_code == 1
            assert "does not exist (setting database.url)" in result.output
            assert "Traceback" not in result.output
        self.rows("ALTER TABLE posiciones_rechazadas RENAME TO otra")
        result = self.run_command("cleanup", "--days", "1")
        assert (result.exit_code, result.output.splitlines()[-1][:28]) == (1, "Error: the database says: re")

    def test_as_a_module(self) -> None:
        """``python -m waygps.cli`` is the same command."""
        done = subprocess.run([sys.executable, "-m", "waygps.cli", "--help"], capture_output=True, check=True)
        assert done.stdout.startswith(b"Usage: waygps ")
        assert b"compact" in done.stdout
