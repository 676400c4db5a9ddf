"""One port for the devices of every vendor, on the real program: what they send ends as on their vendors' own ports."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

from protocols.generic import generic
from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.ports import free_port
from tests.protocols.frames import Frame, frames
from tests.system.server import Server, ServerCase, is_silent, until
from waygps.fix import Fix
from waygps.interfaces import IEncoder

ROWS = """SELECT imei, h.fecha_gps, latitud, longitud, altitud, velocidad, rumbo, satelites, odometro, calidad_datos,
          raw_data::text FROM posiciones_historicas h JOIN moviles m ON m.id = h.movil_id WHERE imei LIKE %s"""
OPEN = "UPDATE configuraciones_receptores SET activo = true WHERE puerto = 8079 RETURNING protocolo"
VENDORS = (teltonika, queclink, generic)
MORNING = int(datetime(2026, 11, 24, 6, tzinfo=UTC).timestamp() * 1000)
FIX = Fix(time=MORNING, lat=-34.6, lon=-58.4, speed_kmh=40.0, course_deg=90.0, altitude_m=20.0, satellites=9, ignition=True)


def login(device: str) -> bytes:
    """How a Teltonika begins a connection."""
    hello = teltonika.encoder(device, "tcp")
    assert hello is not None
    return hello.hello()


class AutoTests(ServerCase):
    """A server whose receivers of type auto were switched on."""

    token: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.server.ports["auto"] = free_port()
        cls.server.start()
        assert sorted(cls.server.rows(OPEN)) == [("TCP",), ("UDP",)]
        cls.server.restart()
        cls.token = cls.server.token()

    def health(self) -> dict[str, Any]:
        """What an operator sees of the server's state."""
        return dict(self.server.request("GET", "/api/health", token=self.token)[1])

    def rows(self, imei: str = "%") -> list[tuple[Any, ...]]:
        """The history of these devices, when nothing waits to be stored."""
        until(lambda: self.health()["fixes_pendientes"] == 0, "everything to be stored")
        return sorted(self.server.rows(ROWS, imei), key=repr)

    def spoken(self, port: str, transport: str, device: IEncoder) -> bytes:
        """What a device that reports once on this port hears."""
        with self.server.udp(port) if transport == "udp" else self.server.tcp(port) as connection:
            heard = b""
            if device.hello():
                connection.sendall(device.hello())
                heard = connection.recv(64)
            connection.sendall(device.report((FIX,)))
            return heard + connection.recv(64)

    def test_a_device_of_each_vendor(self) -> None:
        """Over TCP and UDP each vendor's device gets the answer, and the row, that it gets on its vendor's own port."""
        for number, vendor in enumerate(VENDORS):
            for transport in vendor.transports:
                results = []
                for port in (vendor.name, "auto"):
                    imei = f"35000000{number}{transport == 'udp':d}{port == 'auto':d}0000"
                    device = vendor.encoder(imei, transport)
                    assert device is not None
                    answer = self.spoken(port, transport, device)
                    results.append((answer, [row[1:] for row in self.rows(imei)]))
                own, auto = results
                assert auto == own
                assert len(own[1]) == 1
                assert f'"{vendor.name}"' in own[1][0][-1]

    def send(self, port: str, frame: Frame, before: bytes = b"") -> None:
        """A connection of its own for one captured message, which the server ends when it has read all."""
        with self.server.tcp(port) as device:
            device.sendall(before + frame.data)
            device.shutdown(socket.SHUT_WR)
            while device.recv(4096):
                pass

    def captured(self, through: str) -> list[tuple[Any, ...]]:
        """The history after all captured messages came through this port ("": each vendor's own)."""
        self.server.rows("DELETE FROM posiciones_recientes RETURNING 1")
        for frame in frames("queclink"):
            self.send(through or "queclink", frame)
        for frame in frames("teltonika"):
            self.send(through or "teltonika", frame, login(frame.device or ""))
        return self.rows()

    def test_captured_messages(self) -> None:
        """Every captured message ends as the same rows through the port of all vendors as through its vendor's own."""
        own, auto = self.captured(""), self.captured("auto")
        assert len(own) > 100
        assert auto == own

    def test_stranger(self) -> None:
        """Who speaks no vendor's protocol is closed on without a word, and named in the log with what it sent."""
        with self.server.tcp("auto") as device:
            device.sendall(b"SSH-2.0-scan\r\n")
            assert device.recv(10) == b""
        with self.server.udp("auto") as device:
            device.send(b"hello")
            assert is_silent(device, 0.3)
        log = until(lambda: text if "no vendor recognises" in (text := self.server.log()) else "", "the log to name the stranger")
        assert b"SSH-2.0-scan".hex() in log
