"""The PostgreSQL that WayGPS brings along."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil
import psycopg2
import pytest
from twisted.trial.unittest import TestCase

from tests.postgres import execute
from waygps.errors import WayGPSError
from waygps.storage.embedded import EmbeddedPostgres


class EmbeddedPostgresTest(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="waygps-tests-"))
        self.addCleanup(shutil.rmtree, self.data_dir)

    def opened(self) -> tuple[EmbeddedPostgres, str]:
        """An embedded server of this directory, and its URL; stopped at the end of the test."""
        embedded = EmbeddedPostgres(self.data_dir)
        url = embedded.open()
        self.addCleanup(self.stopped, embedded)
        return embedded, url

    def stopped(self, embedded: EmbeddedPostgres) -> None:
        """Stop it unless it is stopped."""
        if self.postmasters():
            embedded.close()

    def postmasters(self) -> list[psutil.Process]:
        """The PostgreSQL servers that run on this directory."""
        processes = psutil.process_iter(["name", "cmdline", "ppid"])
        found = [each for each in processes if str(self.data_dir / "postgres") in (each.info["cmdline"] or [])]
        # One that was forked just now has its parent's command line until it says what it is.
        return [each for each in found if each.info["ppid"] not in {other.pid for other in found}]

    def test_data_survive(self) -> None:
        """What was stored is there after a restart, and the data are where the configuration says."""
        embedded, url = self.opened()
        execute(url, "CREATE TABLE prueba AS SELECT 7 AS x")
        assert (self.data_dir / "postgres" / "PG_VERSION").exists()
        embedded.close()
        again, url = self.opened()
        assert not again.was_running
        assert execute(url, "SELECT x FROM prueba") == [(7,)]

    async def test_stopped_with_the_service(self) -> None:
        """After WayGPS has stopped no PostgreSQL of it is left, and nothing listens on TCP while it runs."""
        embedded, url = self.opened()
        assert len(self.postmasters()) == 1
        assert execute(url, "SHOW listen_addresses") == [("",)]
        await embedded.stopService()
        assert self.postmasters() == []
        with pytest.raises(psycopg2.OperationalError):
            execute(url, "SELECT 1")

    def test_it_runs_already(self) -> None:
        """A command beside the running server uses its PostgreSQL, and knows that it is not its own to stop."""
        first, url = self.opened()
        second, same = self.opened()
        assert (first.was_running, second.was_running) == (False, True)
        assert url == same

    def test_it_runs_already_behind_a_link(self) -> None:
        """A data directory reached by a symbolic link is the same one: its running PostgreSQL is used, and goes on running."""
        first, url = self.opened()
        link = self.data_dir.with_name(self.data_dir.name + "-link")
        link.symlink_to(self.data_dir)
        self.addCleanup(link.unlink)
        second = EmbeddedPostgres(link)
        assert second.open() == url
        assert second.was_running
        assert (first.directory / "postmaster.pid").exists()
        assert len(self.postmasters()) == 1

    def test_after_a_crash(self) -> None:
        """A PostgreSQL that was killed leaves its mark in the directory, and is started again all the same."""
        _, url = self.opened()
        execute(url, "CREATE TABLE prueba AS SELECT 8 AS x")
        (postmaster,) = self.postmasters()
        self.kill(postmaster)
        _, url = self.opened()
        assert execute(url, "SELECT x FROM prueba") == [(8,)]

    def test_after_a_crash_with_its_number_taken(self) -> None:
        """After a power cut another program may have the dead server's process number: WayGPS starts PostgreSQL all the same."""
        embedded, _ = self.opened()
        mark = self.data_dir / "postgres" / "postmaster.pid"
        kept = mark.read_text().splitlines()
        embedded.close()
        mark.write_text("\n".join([str(os.getpid()), *kept[1:]]) + "\n")
        again, url = self.opened()
        assert not again.was_running
        assert execute(url, "SELECT 1") == [(1,)]

    def test_directory_that_cannot_be(self) -> None:
        """A data directory below a file is refused with its path, and with what is wrong."""
        file = self.data_dir / "file"
        file.write_text("")
        with pytest.raises(WayGPSError, match=rf"{file}/data/postgres.*(Not a directory|File exists)"):
            EmbeddedPostgres(file / "data").open()

    def test_directory_of_something_else(self) -> None:
        """A data directory with other files in PostgreSQL's place is left as it is, and named."""
        (self.data_dir / "postgres").mkdir()
        (self.data_dir / "postgres" / "thesis.txt").write_text("mine")
        with pytest.raises(WayGPSError, match=str(self.data_dir)):
            EmbeddedPostgres(self.data_dir).open()
        assert (self.data_dir / "postgres" / "thesis.txt").read_text() == "mine"

    def test_long_path(self) -> None:
        """A path too long for a socket is no obstacle."""
        self.data_dir = self.data_dir / ("directorio" * 12)
        _, url = self.opened()
        assert execute(url, "SELECT 1") == [(1,)]

    def kill(self, postmaster: psutil.Process) -> None:
        """Kill the server and its processes, and wait until they are gone."""
        family = [postmaster, *postmaster.children()]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=10)
