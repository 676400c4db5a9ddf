"""Devices over HTTP on the real program: what they hear, and what is in the database when they hear it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from random import Random
from typing import Any

from protocols.osmand import osmand
from protocols.owntracks import owntracks
from protocols.teltonika import teltonika
from tests.ingest.exchanging import heard
from tests.ports import free_port
from tests.protocols.frames import frames
from tests.system.server import Server, ServerCase, is_silent, receive, until
from waygps.fix import Fix
from waygps.ingest.journal import NAME
from waygps.interfaces import IEncoder
from waygps.request import Request

START = 1_795_500_000
"""Unix time of this morning."""
COUNT = "SELECT count(*) FROM posiciones_historicas p JOIN moviles m ON m.id = p.movil_id WHERE m.imei = %s"
ROWS = """SELECT imei, h.fecha_gps, latitud, longitud, altitud, velocidad, rumbo, odometro, calidad_datos, raw_data::text
          FROM posiciones_historicas h JOIN moviles m ON m.id = h.movil_id WHERE h.raw_data::text NOT LIKE '%%recepcion%%'"""
OPEN = "UPDATE configuraciones_receptores SET activo = true WHERE puerto = 8079 AND protocolo = 'TCP' RETURNING 1"
STATE = "SELECT estado_conexion FROM moviles WHERE imei = %s"


def uri(device: str, second: int = 0, **more: object) -> str:
    """A position of this morning, as OsmAnd has it."""
    others = "".join(f"&{name}={value}" for name, value in more.items())
    return f"/?id={device}&timestamp={START + second}&lat=-34.6&lon=-58.4{others}"


def get(device: str, second: int = 0) -> bytes:
    """The same as it is sent."""
    return f"GET {uri(device, second)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


class HTTPCase(ServerCase):
    """One server; each test has devices of its own."""

    def connection(self, port: str = "osmand") -> HTTPConnection:
        """A device's connection to the port of this vendor."""
        connection = HTTPConnection("127.0.0.1", self.server.ports[port], timeout=20)
        self.addCleanup(connection.close)
        return connection

    def tcp(self, port: str = "osmand") -> socket.socket:
        """The same, below HTTP."""
        connection = self.server.tcp(port)
        self.addCleanup(connection.close)
        return connection

    def asked(self, connection: HTTPConnection, path: str, body: bytes | None = None) -> tuple[HTTPResponse, bytes]:
        """One request, and all of its answer."""
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        return answer, answer.read()

    def status(self, connection: HTTPConnection, path: str, body: bytes | None = None) -> int:
        """How a request is answered."""
        return self.asked(connection, path, body)[0].status

    def count(self, device: str) -> int:
        """The rows of this device."""
        return int(self.server.rows(COUNT, device)[0][0])

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Somebody holds the table that positions go into meanwhile."""
        holder = self.server.database()
        holder.autocommit = False
        holder.cursor().execute("LOCK TABLE posiciones_recientes")
        try:
            yield
        finally:
            holder.close()


class AnswerTests(HTTPCase):
    settings = {"DATABASE_PATIENCE": "300", "INGEST_DRAIN_TIMEOUT": "300"}

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server(cls.settings)
        cls.server.ports["auto"] = free_port()
        cls.server.start()
        cls.server.open_receivers()

    def test_row_before_answer(self) -> None:
        """Whenever a device hears 200 its row is there, report after report on one connection."""
        connection = self.connection()
        for second in range(20):
            assert self.status(connection, uri("http-1", second)) == 200
            assert self.count("http-1") == second + 1

    def test_not_before_the_commit(self) -> None:
        """While PostgreSQL does not store a report its device hears nothing; then it hears 200, and nobody stored it twice."""
        device = self.tcp()
        with self.held():
            device.sendall(get("http-2"))
            assert is_silent(device, 1)
        assert receive(device, 15) == b"HTTP/1.1 200 OK"
        assert self.count("http-2") == 1

    def test_too_late(self) -> None:
        """A device hears 503 before it gives up; its report is stored all the same, and sent again it is there once."""
        connection = self.connection()
        with self.held():
            answer, _ = self.asked(connection, uri("http-3"))
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        assert self.status(connection, uri("http-3")) == 200
        assert self.count("http-3") == 1

    def test_malformed(self) -> None:
        """What cannot be read is answered 400 with the reason, in plain text; the next request there is served."""
        connection = self.connection()
        answer, body = self.asked(connection, "/?lat=1&lon=2")
        assert (answer.status, body) == (400, b"the identification is missing: id, deviceid or device_id\n")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert self.status(connection, "/?id=http-4&lat=north&lon=1") == 400
        assert self.status(connection, uri("http-4")) == 200
        assert self.status(self.connection("auto"), "/robots.txt") == 400

    def test_too_long(self) -> None:
        """A body of a few hundred kilobytes is read and answered 413; the connection goes on."""
        connection = self.connection("owntracks")
        assert self.status(connection, "/pub", b"x" * 300_000) == 413
        assert self.asked(connection, "/pub", b'{"_type": "lwt"}')[1] == b"[]"

    def test_pipelined(self) -> None:
        """Requests that come in one piece are answered in their order."""
        device = self.tcp()
        device.sendall(get("http-5", 1) + b"GET /?lat=x HTTP/1.1\r\n\r\n" + b"PUT / HTTP/1.1\r\n\r\n" + get("http-5", 2))
        data = b""
        while data.count(b"HTTP/1.1 ") < 4 or not data.endswith(b"\r\n\r\n"):
            piece = device.recv(4096)
            assert piece, data
            data += piece
        assert [answer.status for answer in heard(data)] == [200, 400, 405, 200]
        assert self.count("http-5") == 2

    def test_state(self) -> None:
        """A device that hangs up after each report is connected nevertheless, and each connection has its line in the journal."""
        for second in range(3):
            connection = self.connection()
            assert self.status(connection, uri("http-6", second)) == 200
            connection.close()
        until(lambda: self.server.rows(STATE, "http-6") == [("conectado",)], "the device to be connected")
        journal = self.server.data_dir / NAME
        until(lambda: journal.exists() and journal.read_text().count('device="http-6" messages=1') == 3, "the journal")
        line = next(line for line in journal.read_text().splitlines() if "http-6" in line)
        assert 'receiver="OsmAnd / Traccar Client HTTP"' in line
        assert self.server.rows(STATE, "http-6") == [("conectado",)]

    def send(self, port: str, asked: Request) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = self.connection(port)
        query = asked.raw.split(b"\r\n")[0].split(b" ", 1)[1].decode()
        connection.request(asked.method, query, asked.body or None, dict(asked.headers))
        answer = connection.getresponse()
        return answer.status, answer.read()

    def told(self, through: str) -> tuple[list[tuple[int, bytes]], list[tuple[Any, ...]]]:
        """What devices of both vendors hear through this port ("": each vendor's own), and the rows then."""
        self.server.rows("DELETE FROM posiciones_recientes RETURNING 1")
        answers = []
        for vendor in (osmand, owntracks):
            answers += [self.send(through or vendor.name, sample.request) for sample in vendor.samples if sample.request]
        for frame in frames("osmand"):
            asked = frame.request or {}
            connection = self.connection(through or "osmand")
            connection.request(asked["method"], asked["uri"], asked["body"] or None, asked["headers"])
            answer = connection.getresponse()
            answers.append((answer.status, answer.read()))
        return answers, sorted(self.server.rows(ROWS), key=repr)

    def test_any_vendor(self) -> None:
        """Devices of both vendors hear the same, and end as the same rows, through the port of all vendors as on their own."""
        own, auto = self.told(""), self.told("auto")
        assert len(own[1]) >= 12
        assert auto[1] == own[1]
        different = [pair for pair in zip(own[0], auto[0], strict=True) if pair[0] != pair[1]]
        assert different == []
        hello = teltonika.encoder("352000000000051", "tcp")
        assert hello is not None
        device = self.tcp("auto")
        device.sendall(hello.hello())
        assert receive(device, 1) == b"\x01"


class StopTests(HTTPCase):
    settings = {"DATABASE_PATIENCE": "300", "INGEST_DRAIN_TIMEOUT": "300"}
    process: subprocess.Popen[bytes]

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server(cls.settings)
        cls.process = cls.server.launch()
        until(cls.server.is_healthy, "the server to be healthy", 60)
        cls.server.open_receivers()

    def test_stop(self) -> None:
        """A request that was read when the server stops is answered when it is stored; one that comes then hears 503."""
        device, other = self.tcp(), self.tcp()
        assert self.status(self.connection(), uri("http-7")) == 200
        with self.held():
            device.sendall(get("http-7", 1))
            until(lambda: self.server.rows("SELECT 1 FROM pg_locks WHERE NOT granted"), "the fix to wait for the table")
            self.process.send_signal(signal.SIGTERM)
            until(lambda: "fixes are still to be stored" in self.server.log(), "the server to wait")
            other.sendall(get("http-7", 2))
            assert receive(other, 12) == b"HTTP/1.1 503"
        assert receive(device, 15) == b"HTTP/1.1 200 OK"
        assert self.process.wait(20) in (0, -signal.SIGTERM)
        self.server.start()
        assert self.count("http-7") == 2


class OutageTests(HTTPCase):
    settings = {"SPOOL_MOST_MB": "1", "INGEST_MOST_HELD": "2000", "INGEST_UNKNOWN_DEVICES": "rechazar"}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server.open_receivers()
        cls.server.rows("INSERT INTO moviles (imei) VALUES ('http-8'), ('352000000000052') RETURNING 1")

    def test_refused(self) -> None:
        """A device that is not in the table hears 403 and why; one that is there hears 200."""
        connection = self.connection()
        answer, body = self.asked(connection, uri("nobody"))
        assert (answer.status, body) == (403, b"device nobody is not in the table moviles\n")
        until(lambda: self.status(connection, uri("http-8")) == 200, "the device to be known")

    def test_spool(self) -> None:
        """Without PostgreSQL a device hears 200 from the spool; with the spool full it hears 503, until PostgreSQL is back."""
        connection = self.connection()
        until(lambda: self.status(connection, uri("http-8", 100)) == 200, "the device to be known")
        device, encoder = self.tcp("teltonika"), teltonika.encoder("352000000000052", "tcp")
        assert encoder is not None
        device.sendall(encoder.hello())
        assert receive(device, 1) == b"\x01"
        self.server.stop_database()
        try:
            assert self.status(connection, uri("http-8", 101)) == 200
            self.fill(device, encoder)
            answer, _ = self.asked(connection, uri("http-8", 102))
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        finally:
            self.server.start_database()
        until(self.server.is_drained, "the spool to be empty", 40)
        before = self.count("http-8")
        assert self.status(connection, uri("http-8", 102)) == 200
        assert self.count("http-8") == before + 1

    def fill(self, device: socket.socket, encoder: IEncoder) -> None:
        """Fixes that compress badly, until the server reads no more."""
        random = Random(1)
        for packet in range(200):
            times = range((START - 86_400 + packet * 200) * 1000, (START - 86_200 + packet * 200) * 1000, 1000)
            odometers = [random.randrange(2**32) / 1000 for _ in times]
            fixes = [
                Fix(time=time, lat=-34.6, lon=-58.4, odometer_km=odometer, power_v=random.random() * 60)
                for time, odometer in zip(times, odometers, strict=True)
            ]
            device.sendall(encoder.report(tuple(fixes)))
        until(lambda: "reading pauses on every connection" in self.server.log(), "reading to pause", 30)

    def test_port_of_http_and_tcp(self) -> None:
        """Of a TCP and an HTTP receiver on one port the second is not opened: log and health say that the port is taken."""
        port = self.server.ports["osmand"]
        insert = """INSERT INTO configuraciones_receptores (nombre, tipo_equipo_id, puerto, protocolo)
                    SELECT 'Doble', id, %s, 'TCP' FROM tipos_equipos_gps WHERE codigo = 'auto' RETURNING 1"""
        self.server.rows(insert, port)
        self.addCleanup(self.server.rows, "DELETE FROM configuraciones_receptores WHERE nombre = 'Doble' RETURNING 1")
        said = f"receiver Doble: TCP port {port} cannot be opened: Address already in use"
        until(lambda: said in self.server.log(), "the log to say that the port is taken")
        receivers = self.server.request("GET", "/api/health", token=self.server.token())[1]["receptores"]
        assert [each["error"] for each in receivers if each["nombre"] == "Doble"] == [said.replace(" cannot be opened", "")]
        assert self.status(self.connection(), "/?lat=1") == 400
