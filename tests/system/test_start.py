"""Starting: what an operator reads when something is in the way, and what is served all the same."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psutil
from twisted.trial.unittest import SynchronousTestCase

from tests.ports import free_port
from tests.postgres import Server as Postgres
from tests.postgres import execute
from tests.system.server import CHECKOUT, Server, receive, until
from waygps.ingest.vendors import find_vendors


class Start(SynchronousTestCase):
    """Each test has a server of its own."""

    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)

    def refused(self) -> str:
        """Start a server that must not start; what it says as it ends."""
        process = self.server.launch()
        assert process.wait(60) == 1, self.server.log()
        return self.server.log()

    def test_typo_in_the_configuration(self) -> None:
        """A misspelt key in the file is named, with the key that was meant, and nothing starts."""
        file = self.server.directory / "waygps.toml"
        file.write_text("[web]\nprot = 8000\n")
        self.server = Server(arguments=("--config", str(file)))
        self.addCleanup(self.server.stop)
        assert "waygps: web.prot is not a setting; did you mean web.port?" in self.refused()
        assert not self.server.data_dir.exists()

    def test_bad_value(self) -> None:
        """A value out of range is refused with the key, the value and what is allowed."""
        self.server = Server({"DATABASE_BATCH": "0"})
        self.addCleanup(self.server.stop)
        assert "waygps: database.batch = '0' is not allowed: it must be a whole number from 1 to 10000" in self.refused()

    def test_no_database_there(self) -> None:
        """A database that does not exist is said in one line, with the setting that names it, and without a traceback."""
        self.server.start()
        socket_directory = self.server.data_dir / "postgres"
        other = Server({"DATABASE_URL": f"postgresql://postgres@/nowhere?host={socket_directory}"})
        self.addCleanup(other.stop)
        process = other.launch()
        assert process.wait(60) == 1
        assert "waygps: cannot use the database: connection to server on socket" in other.log()
        assert 'database "nowhere" does not exist (setting database.url)' in other.log()
        assert "Traceback" not in other.log()

    def test_password_of_the_database(self) -> None:
        """On the operator's own database a wrong password is said in one line; the right one works, and is never in the log."""
        postgres, port = Postgres(), free_port()
        self.addCleanup(postgres.remove)
        execute(postgres.url, "CREATE ROLE tracker LOGIN PASSWORD 'sesame'")
        execute(postgres.url, "CREATE DATABASE tracking OWNER tracker")
        postgres.listen(port, "host all all 127.0.0.1/32 scram-sha-256")
        self.server.settings["DATABASE_URL"] = f"postgresql://tracker:wrong@127.0.0.1:{port}/tracking"
        said = self.refused()
        assert 'password authentication failed for user "tracker" (setting database.url)' in said.replace("\n", " ")
        assert "Traceback" not in said
        url = f"postgresql://tracker:sesame@127.0.0.1:{port}"
        self.server.settings["DATABASE_URL"] = f"{url}/postgres"
        assert "waygps: the database refuses what WayGPS needs: permission denied" in self.refused()
        self.server.settings["DATABASE_URL"] = f"{url}/tracking"
        self.server.start()
        with self.server.tcp("generic") as device:
            device.sendall(b"IMEI: 1, LAT: 1, LON: 2\n")
            assert receive(device, 4) == b"OK\r\n"
        assert execute(f"{url}/tracking", "SELECT imei FROM moviles") == [("1",)]
        assert "sesame" not in self.server.log()
        assert self.server.login()[1] not in self.server.log()
        self.server.end()

    def test_newer_database(self) -> None:
        """A database that a newer WayGPS wrote is left alone, and both versions are named."""
        self.server.start()
        connection = self.server.database()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO versiones_esquema (version, archivo) VALUES (9999, '9999_future.sql')")
        connection.close()
        other = Server({"DATABASE_URL": f"postgresql://postgres@/postgres?host={self.server.data_dir / 'postgres'}"})
        self.addCleanup(other.stop)
        assert other.launch().wait(60) == 1
        assert "waygps: the database has schema version 9999, this program knows versions up to" in other.log()

    def test_taken_ports(self) -> None:
        """A port that another program has is named in the log; the other receivers and the web work."""
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            stream.bind(("127.0.0.1", self.server.ports["queclink"]))
            stream.listen()
            datagrams.bind(("127.0.0.1", self.server.ports["generic"]))
            self.server.start()
            for transport, vendor in (("TCP", "queclink"), ("UDP", "generic")):
                said = f"{transport} port {self.server.ports[vendor]} cannot be opened: Address already in use"
                assert said in self.server.log()
            with self.server.tcp("generic") as device:
                device.sendall(b"IMEI: 1, LAT: 1, LON: 2\n")
                assert receive(device, 4) == b"OK\r\n"
            _, health = self.server.request("GET", "/api/health", token=self.server.token())
        closed = {(receiver["tipo"], receiver["protocolo"]) for receiver in health["receptores"] if not receiver["abierto"]}
        assert closed == {("queclink", "TCP"), ("generic", "UDP")}

    def test_taken_web_port(self) -> None:
        """Without the web port the devices are served all the same, and the log says what to do."""
        with socket.socket() as stream:
            stream.bind(("127.0.0.1", self.server.web_port))
            stream.listen()
            self.server.launch()
            until(lambda: "Generic TCP: TCP port" in self.server.log(), "the receivers")
            assert f"web: TCP port {self.server.web_port} cannot be opened: Address already in use" in self.server.log()
            with self.server.tcp("generic") as device:
                device.sendall(b"IMEI: 1, LAT: 1, LON: 2\n")
                assert receive(device, 4) == b"OK\r\n"

    def test_closed_port(self) -> None:
        """A receiver that is switched off in the table is not opened at the next start; the others are."""
        self.server.start()
        connection = self.server.database()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE configuraciones_receptores SET activo = false WHERE nombre = 'Queclink TCP'")
        connection.close()
        self.server.restart()
        self.assertRaises(ConnectionRefusedError, self.server.tcp, "queclink")
        self.server.tcp("teltonika").close()

    def test_data_survive_a_restart(self) -> None:
        """What was stored, and the login, are there after a restart, and the directory is used again."""
        self.server.start()
        with self.server.tcp("generic") as device:
            device.sendall(b"IMEI: 1, LAT: 1, LON: 2\n")
            receive(device, 4)
        login = self.server.login()
        self.server.restart()
        assert self.server.login() == login
        assert self.server.request("GET", "/api/moviles", token=self.server.token())[1]["moviles"][0]["imei"] == "1"

    def test_banner(self) -> None:
        """The block on the terminal names the map's address, the login, the ports; the simulated vehicles report."""
        self.server = Server(arguments=("--simulate", "6"))
        self.addCleanup(self.server.stop)
        self.server.start()
        user, password = self.server.login()
        shown = until(lambda: "WayGPS is running" in self.server.log() and self.server.log(), "the banner")
        assert f"http://127.0.0.1:{self.server.web_port}/" in shown
        assert f"user {user}, password {password}" in shown
        assert len(password) >= 12
        for vendor, found in [(name, found) for name, found in find_vendors().items() if found.vendor.active]:
            for transport in found.vendor.transports:
                assert f"{found.vendor.title} {transport.upper()}" in shown
                assert f"{transport.upper()} {self.server.ports[vendor]}" in shown
        protocols = "SELECT DISTINCT raw_data->>'protocolo' FROM posiciones_historicas ORDER BY 1"
        until(
            lambda: self.server.rows(protocols) == [("generic",), ("queclink",), ("teltonika",)], "fixes of all three protocols"
        )

    def test_python_m_twisted(self) -> None:
        """``python -m twisted waygps`` runs the same server."""
        command = [sys.executable, "-m", "twisted", "waygps"]
        log = self.server.directory / "twist.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=CHECKOUT, env=self.server.environment(), stdout=output, stderr=output)
        try:
            until(lambda: "WayGPS is running" in log.read_text(), "the banner")
            with self.server.tcp("generic") as device:
                device.sendall(b"IMEI: 1, LAT: 1, LON: 2\n")
                assert receive(device, 4) == b"OK\r\n"
        finally:
            process.terminate()
            process.wait(30)


class Stop(SynchronousTestCase):
    """Stopping."""

    def test_refused_start_leaves_nothing_running(self) -> None:
        """A server that may not start on its embedded database stops the PostgreSQL that it had started."""
        server = Server()
        self.addCleanup(server.stop)
        server.start()
        connection = server.database()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO versiones_esquema (version, archivo) VALUES (9999, '9999_future.sql')")
        connection.close()
        server.end()
        assert server.launch().wait(60) == 1
        assert "schema version 9999" in server.log()
        assert not (server.data_dir / "postgres" / "postmaster.pid").exists()

    def test_stop_ends_everything(self) -> None:
        """After SIGTERM neither the server nor its PostgreSQL is left running, and the log has no failure."""
        server = Server()
        self.addCleanup(server.stop)
        server.start()
        postgres = int((server.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        with server.tcp("generic") as device:
            device.sendall(b"IMEI: 1, LAT: 1, LON: 2\n")
            receive(device, 4)
            server.end()
        assert not psutil.pid_exists(postgres) or psutil.Process(postgres).status() == psutil.STATUS_ZOMBIE
        assert "Traceback" not in server.log()
        assert os.path.exists(server.data_dir / "postgres" / "PG_VERSION")
