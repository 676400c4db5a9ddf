"""PostgreSQL is away under the real program: devices are answered from the spool, and nothing is acknowledged beyond it."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
from collections.abc import Iterator
from random import Random

from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import ClientConnection

from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.system.server import Server, ServerCase, is_silent, receive, until
from waygps.fix import Fix

START = 1_795_500_000_000
COUNT = "SELECT count(*) FROM posiciones_historicas p JOIN moviles m ON m.id = p.movil_id WHERE m.imei = %s"
WAITING = "fixes are still to be stored; another signal ends the wait"


def fix(second: int, **values: object) -> Fix:
    """A fix of this morning."""
    return Fix(time=START + second * 1000, lat=-34.6 + second / 1e5, lon=-58.4, satellites=9, **values)  # type: ignore[arg-type]


class Teltonika:
    """A Teltonika device on its TCP connection."""

    def __init__(self, server: Server, imei: str) -> None:
        encoder = teltonika.encoder(imei, "tcp")
        assert encoder is not None
        self.report = encoder.report
        self.socket = server.tcp("teltonika")
        self.socket.sendall(encoder.hello())
        assert receive(self.socket, 1) == b"\x01"

    def send(self, *fixes: Fix) -> None:
        """One packet."""
        self.socket.sendall(self.report(fixes))

    def answered(self, fixes: int, seconds: float = 10) -> bool:
        """Whether the next answer says so many records."""
        return receive(self.socket, 4, seconds) == fixes.to_bytes(4, "big")


def told(browser: ClientConnection, kind: str, text: str) -> dict[str, object]:
    """The next message of this type with this text in it."""
    while True:
        message = browser.recv(10)
        if json.loads(message)["type"] == kind and text in str(message):
            return dict(json.loads(message))


def until_silent(device: socket.socket, seconds: float) -> bytes:
    """All that comes, until nothing does for so long."""
    device.settimeout(seconds)
    data = b""
    with contextlib.suppress(TimeoutError):
        while piece := device.recv(4096):
            data += piece
    return data


class Outage(ServerCase):
    """One server whose PostgreSQL goes away and comes back; each test has devices of its own."""

    settings = {"SPOOL_MOST_MB": "1", "INGEST_MOST_HELD": "2000"}

    def device(self, imei: str) -> Teltonika:
        device = Teltonika(self.server, imei)
        self.addCleanup(device.socket.close)
        return device

    def connected(self, connection: socket.socket) -> socket.socket:
        self.addCleanup(connection.close)
        return connection

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """PostgreSQL is dead meanwhile; afterwards the spool is empty again."""
        self.server.stop_database()
        try:
            yield
        finally:
            self.server.start_database()
        until(self.server.is_drained, "the spool to be empty", 40)

    def count(self, imei: str) -> int:
        return int(self.server.rows(COUNT, imei)[0][0])

    def test_every_vendor(self) -> None:
        """Devices of every vendor, on TCP and UDP, known or never seen before, are answered, and in the history once later."""
        known = self.device("352000000000001")
        known.send(fix(1))
        assert known.answered(1)
        with self.away():
            known.send(fix(2), fix(3))
            assert known.answered(2)
            new = self.device("352000000000002")
            new.send(fix(1))
            assert new.answered(1)
            self.ask_others()
        with_two = {imei: self.count(imei) for imei in ("352000000000003", "352000000000005")}
        assert with_two == {"352000000000003": 2, "352000000000005": 2}
        assert [self.count(f"35200000000000{number}") for number in (1, 2, 4)] == [3, 1, 1]

    def ask_others(self) -> None:
        """Queclink and generic, on TCP and UDP, and Teltonika's datagrams."""
        for transport in ("tcp", "udp"):
            report = queclink.encoder("352000000000003", transport).report((fix(1 if transport == "tcp" else 2),))  # type: ignore[union-attr]
            device = self.connected(getattr(self.server, transport)("queclink"))
            device.sendall(report)
            assert device.recv(64).startswith(b"+SACK:"), transport
        datagrams = self.connected(self.server.udp("teltonika"))
        datagrams.send(teltonika.encoder("352000000000004", "udp").report((fix(1),)))  # type: ignore[union-attr]
        assert datagrams.recv(64)[:2] == b"\x00\x05"
        for transport, lat in (("tcp", -34.5), ("udp", -34.6)):
            device = self.connected(getattr(self.server, transport)("generic"))
            device.sendall(b"imei: 352000000000005, lat: %.6f, lon: -58.381592\n" % lat)
            assert device.recv(64) == b"OK\r\n", transport

    def test_browsers(self) -> None:
        """Who watches the map is told that PostgreSQL went and came, and sees the vehicles move meanwhile."""
        device = self.device("352000000000011")
        device.send(fix(1))
        assert device.answered(1)
        with self.server.watch(self.server.token()) as browser:
            with self.away():
                device.send(fix(60))
                assert device.answered(1)
                assert told(browser, "system_alert", "fuera")["alert_type"] == "base_de_datos_fuera"
                device.send(fix(120, speed_kmh=33.0))
                assert device.answered(1)
                moved = told(browser, "gps_update", '"velocidad":33')
                assert isinstance(moved["data"], dict)
                assert moved["data"]["imei"] == "352000000000011"
            assert told(browser, "system_alert", "vuelta")["alert_type"] == "base_de_datos_de_vuelta"

    def test_spool_full(self) -> None:
        """With the spool full nobody is answered, health is 503, in the end nobody is read; then all is stored and answered."""
        # Odometers that compress badly: the spool is to be full soon.
        device, packets, size, random = self.device("352000000000021"), 200, 200, Random(1)
        with self.away():
            for packet in range(packets):
                seconds = range(packet * size - 86_400, packet * size + size - 86_400)
                device.send(*(fix(s, odometer_km=random.randrange(2**32) / 1000, power_v=random.random() * 60) for s in seconds))
            until(lambda: self.server.request("GET", "/api/health")[0] == 503, "health to say error")
            state = self.server.request("GET", "/api/health")[1]
            assert (state["estado"], state["base_de_datos"], state["spool"]["lleno"]) == ("error", "error", True)
            until(lambda: "reading pauses on every connection" in self.server.log(), "reading to pause")
            heard = until_silent(device.socket, 0.5)
            answers = len(heard) // 4
            assert heard == size.to_bytes(4, "big") * answers
            assert 0 < answers <= self.server.request("GET", "/api/health")[1]["spool"]["fixes"] // size < packets
            datagrams = self.connected(self.server.udp("generic"))
            datagrams.send(b"imei: 352000000000022, lat: 1.0, lon: 2.0")
            assert is_silent(datagrams, 0.5)
        assert all(device.answered(size, 30) for _ in range(packets - answers))
        until(self.server.is_drained, "the spool to be empty")
        assert self.count("352000000000021") == packets * size
        assert self.count("352000000000022") == 0
        assert self.server.request("GET", "/api/health")[0] == 200


class SecondSignal(SynchronousTestCase):
    """A stop that waits, because somebody holds the table that a device's fix is to go into."""

    def setUp(self) -> None:
        self.server = Server({"DATABASE_PATIENCE": "300", "INGEST_DRAIN_TIMEOUT": "300"})
        self.addCleanup(self.server.stop)

    def test_second_signal(self) -> None:
        """The first SIGTERM waits for the fix that was read; the second ends the server, and the fix is not acknowledged."""
        process = self.server.launch()
        until(self.server.is_healthy, "the server to be healthy", 60)
        device = Teltonika(self.server, "352000000000031")
        self.addCleanup(device.socket.close)
        holder = self.server.database()
        self.addCleanup(holder.close)
        holder.autocommit = False
        holder.cursor().execute("LOCK TABLE posiciones_recientes")
        device.send(fix(1))
        until(lambda: self.server.rows("SELECT 1 FROM pg_locks WHERE NOT granted"), "the fix to wait for the table")
        process.send_signal(signal.SIGTERM)
        until(lambda: WAITING in self.server.log(), "the server to wait")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
        assert device.socket.recv(64) == b""
        assert "1 fixes were not stored before the stop: they are not acknowledged" in self.server.log()
