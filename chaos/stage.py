"""Everything that takes part: PostgreSQL, the wire to it, the server, the fleet; and what is done to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg2
import psycopg2.extensions

from chaos.faults import Fault
from chaos.fleet import Fleet, Loop, trackers
from chaos.keeper import Keeper
from chaos.ports import settled_port
from chaos.proxy import Proxy, State
from tests import postgres
from tests.system.server import VENDORS, Server
from waygps.storage.database import make_partitions
from waygps.storage.migrations import migrate

ENTER = "INSERT INTO moviles (imei) SELECT unnest(%s::text[])"
LOCK = "SET lock_timeout = '5s'; BEGIN; LOCK TABLE posiciones_recientes IN ACCESS EXCLUSIVE MODE"
PATIENCE = 0.7
"""Seconds of database.patience: less than the shortest fault of a round of five seconds, so that each is noticed."""
LAST_PAGE = 20
"""Fixes; a report of one finds room where none of a hundred does."""
DRAINING = 6.0
"""Seconds within which the server finds out that PostgreSQL is back: a connection and the store each try every two."""
WIRE: dict[Fault, State] = {"cut": "cut", "silent": "silent", "deaf": "deaf"}


class Stage:
    """One fleet, one server, one PostgreSQL. ``close`` ends every process and removes every directory."""

    def __init__(self, devices: int) -> None:
        self._closing = ExitStack()
        try:
            self._set(devices)
        except BaseException:
            self.close()
            raise

    def _set(self, devices: int) -> None:
        port = settled_port()
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.postgres = postgres.Server()
        self._closing.callback(self.postgres.remove)
        self.postgres.listen(port, "")
        self._loop = Loop()
        self._closing.callback(self._loop.close)
        self.proxy = Proxy(settled_port(), port)
        self._loop.run(self.proxy.set("open"))
        self._closing.callback(lambda: self._loop.run(self.proxy.close()))
        self.server = self._made_server()
        self._closing.callback(self.server.stop)
        self.fleet = Fleet(self._loop, trackers(devices, int(time.time() * 1000)), self.server.ports)
        self._enter_vehicles()
        self.keeper = Keeper(self.server)
        self._closing.callback(self.keeper.close)
        self._locking: psycopg2.extensions.connection | None = None

    def close(self) -> None:
        """End and remove everything, the last first."""
        self._closing.close()

    def _made_server(self) -> Server:
        through = f"postgresql://postgres@127.0.0.1:{self.proxy.port}/postgres"
        server = Server({"DATABASE_URL": through, "DATABASE_PATIENCE": str(PATIENCE)})
        server.ports = {vendor: settled_port() for vendor in VENDORS}
        server.web_port = settled_port()
        return server

    def _enter_vehicles(self) -> None:
        connection = psycopg2.connect(self.url)
        migrate(connection)
        make_partitions(connection)
        connection.close()
        postgres.execute(self.url, ENTER, [[tracker.imei for tracker in self.fleet.trackers]])

    # -- the spool

    def limit_spool(self, megabytes: int) -> None:
        """Run with a spool of this size from now on."""
        if self.server.settings.get("SPOOL_MOST_MB") != str(megabytes):
            self.keeper.stop()
            self.server.settings["SPOOL_MOST_MB"] = str(megabytes)
        self.keeper.want()

    def wait_until_full(self, seconds: float) -> bool:
        """Wait until the spool is full, and a second brings no more than its last page takes; whether that came about."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            before = self.fleet.acknowledged
            time.sleep(1.0 if self.keeper.is_full else 0.05)
            if self.keeper.is_full and self.fleet.acknowledged - before < LAST_PAGE:
                return True
        return False

    # -- the faults

    def strike(self, fault: Fault) -> None:
        """Bring the fault about."""
        acts: dict[Fault, Callable[[], None]] = {
            "kill": self.keeper.kill,
            "stop": self.keeper.terminate,
            "drain": self._kill_draining,
            "crash": self.postgres.crash,
            "fill": self.postgres.crash,
            "relapse": self._relapse,
            "lock": self._lock,
        }
        acts.get(fault, lambda: self._loop.run(self.proxy.set(WIRE[fault])))()

    def heal(self, fault: Fault) -> None:
        """Take it away again."""
        acts: dict[Fault, Callable[[], None]] = {
            "kill": self.keeper.want,
            "stop": self.keeper.want,
            "drain": self.keeper.want,
            "crash": self.postgres.start,
            "fill": self.postgres.start,
            "relapse": self.postgres.start,
            "lock": self._unlock,
        }
        acts.get(fault, lambda: self._loop.run(self.proxy.set("open")))()

    def _relapse(self) -> None:
        self._wait_until_draining()
        self.postgres.crash()

    def _kill_draining(self) -> None:
        self._wait_until_draining()
        self.keeper.kill()

    def _wait_until_draining(self) -> None:
        """Until the server has stored a part of what is in its spool now; at most DRAINING seconds."""
        full, deadline = self.keeper.spooled, time.monotonic() + DRAINING
        while time.monotonic() < deadline and not 0 < self.keeper.spooled < full:
            self.keeper.look()

    def _lock(self) -> None:
        self._locking = postgres.connected(self.url)
        with self._locking.cursor() as cursor:
            cursor.execute(LOCK)

    def _unlock(self) -> None:
        if self._locking is not None:
            self._locking.close()
            self._locking = None

    def keep_log(self, directory: Path, name: str) -> Path:
        """Copy what the server wrote to where it outlasts this run, and give the path."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / name
        path.write_text(self.server.log())
        return path
