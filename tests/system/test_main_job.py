"""The main job on the real program: a device's frame becomes a durable row and a message to the browsers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from websockets.sync.client import ClientConnection

from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.protocols.frames import frames
from tests.system.server import ServerCase, receive, until
from waygps.fix import Fix

LOGIN = b"\x00\x0f356307042441013"
REAL = next(frame for frame in frames("teltonika") if frame.id == "teltonika-0bb479e4")
COUNT = "SELECT count(*) FROM posiciones_historicas p JOIN moviles m ON m.id = p.movil_id WHERE m.imei = %s"


def fix(second: int, **changes: Any) -> Fix:
    """A fix of this morning, moved on with the seconds."""
    time = int(datetime(2026, 11, 24, 6, tzinfo=UTC).timestamp() * 1000) + second * 1000
    values = {"lat": -34.6 + second / 1e4, "lon": -58.4, "speed_kmh": 40.0, "course_deg": 90.0, "satellites": 9, "ignition": True}
    return Fix(time=time, **{**values, **changes})


def updates(browser: ClientConnection, mobile_id: int) -> dict[str, Any]:
    """The next gps_update of this vehicle."""
    while True:
        message = json.loads(browser.recv(10))
        if message["type"] == "gps_update" and message["mobile_id"] == mobile_id:
            return dict(message["data"])


class MainJob(ServerCase):
    """One server with its embedded PostgreSQL serves all these tests; each has devices of its own."""

    def count(self, imei: str) -> int:
        return int(self.server.rows(COUNT, imei)[0][0])

    def test_real_frame_over_tcp(self) -> None:
        """A real Teltonika frame is answered with its record count, and by then its row is there with the values of the frame."""
        with self.server.tcp("teltonika") as device:
            device.sendall(LOGIN)
            assert receive(device, 1) == b"\x01"
            device.sendall(REAL.data)
            assert receive(device, 4) == b"\x00\x00\x00\x01"
            rows = self.server.rows(
                "SELECT latitud, longitud, altitud, velocidad, rumbo, satelites, odometro, p.fecha_gps, calidad_datos, "
                "raw_data->>'protocolo' FROM posiciones_historicas p JOIN moviles m ON m.id = movil_id "
                "WHERE imei = '356307042441013'"
            )
        time = datetime(2019, 1, 4, 12, 27, 19, tzinfo=UTC)
        numbers = ("48.152307", "16.374518", "190.00", "83.00", "198.00")
        assert rows == [(*map(Decimal, numbers), 15, Decimal("2656.22"), time, "buena", "teltonika")]

    def test_frame_in_pieces_and_ping(self) -> None:
        """A frame that the network tears apart, with pings between, is answered all the same."""
        device_side = teltonika.encoder("350000000000001", "tcp")
        assert device_side is not None
        frame = device_side.report((fix(1), fix(2)))
        with self.server.tcp("teltonika") as device:
            for byte in b"\xff" + device_side.hello():
                device.sendall(bytes([byte]))
            assert receive(device, 1) == b"\x01"
            for start in range(0, len(frame), 7):
                device.sendall(frame[start : start + 7])
            assert receive(device, 4) == b"\x00\x00\x00\x02"
        assert self.count("350000000000001") == 2

    def test_udp(self) -> None:
        """Teltonika's UDP channel, Queclink and generic datagrams are answered once they are stored."""
        sheet = bytes.fromhex(
            "003DCAFE0105000F33353230393330383634303336353508010000016B4F815B30010000000000000000000000000000000103021503010101425DBC000001"
        )
        with self.server.udp("teltonika") as device:
            device.send(sheet)
            assert device.recv(64) == bytes.fromhex("0005CAFE010501")
        assert self.count("352093086403655") == 1
        report = queclink.encoder("350000000000002", "udp").report((fix(3),))  # type: ignore[union-attr]
        with self.server.udp("queclink") as device:
            device.send(report)
            assert device.recv(64).startswith(b"+SACK:")
        assert self.count("350000000000002") == 1
        with self.server.udp("generic") as device:
            device.send(b"imei: 350000000000003, lat: -34.603722, lon: -58.381592, spd: 45, hdg: 180")
            assert device.recv(64) == b"OK\r\n"
        assert self.count("350000000000003") == 1

    def test_message_to_the_browsers(self) -> None:
        """A client of /ws/gps/ gets the state of all vehicles first, then each move, with the seed's keys."""
        with self.server.tcp("generic") as device, self.server.watch(self.server.token()) as browser:
            state = json.loads(browser.recv(10))
            assert state["type"] == "initial_state"
            device.sendall(b"IMEI: 123456789, LAT: -34.603722, LON: -58.381592, SPD: 45, HDG: 180\n")
            assert receive(device, 4) == b"OK\r\n"
            ((number,),) = self.server.rows("SELECT id FROM moviles WHERE imei = '123456789'")
            data = updates(browser, number)
            assert (data["latitud"], data["longitud"], data["velocidad"], data["rumbo"]) == (-34.603722, -58.381592, 45.0, 180.0)
        with self.server.watch(self.server.token()) as browser:
            mobiles = {mobile["id"]: mobile for mobile in json.loads(browser.recv(10))["mobiles"]}
        assert mobiles[number]["ultimo_lat"] == -34.603722
        assert mobiles[number]["estado_conexion"] == "conectado"

    def test_retransmission_and_late_fix(self) -> None:
        """A report sent twice is answered twice and stored once; a late fix is stored and does not move the vehicle back."""
        encoder = queclink.encoder("350000000000004", "tcp")
        assert encoder is not None
        newest, late = encoder.report((fix(60),)), encoder.report((fix(30),))
        with self.server.tcp("queclink") as device:
            for report in (newest, newest, late):
                device.sendall(report)
                assert receive(device, 11).startswith(b"+SACK:")
        assert self.count("350000000000004") == 2
        place = self.server.rows("SELECT ultimo_lat, fecha_gps FROM moviles WHERE imei = '350000000000004'")
        assert place == [(Decimal("-34.594"), datetime(2026, 11, 24, 6, 1, tzinfo=UTC))]

    def test_database_killed_under_it(self) -> None:
        """While PostgreSQL is dead devices are answered from the spool; when it is back all is in the history, once."""
        encoder = teltonika.encoder("350000000000005", "tcp")
        assert encoder is not None
        with self.server.tcp("teltonika") as device:
            device.sendall(encoder.hello())
            assert receive(device, 1) == b"\x01"
            device.sendall(encoder.report((fix(1),)))
            receive(device, 4)
            self.server.stop_database()
            try:
                device.sendall(encoder.report((fix(2), fix(3))))
                device.sendall(encoder.report((fix(4),)))
                assert receive(device, 8, 20) == b"\x00\x00\x00\x02\x00\x00\x00\x01"
                health = self.server.request("GET", "/api/health")[1]
                assert (health["estado"], health["base_de_datos"], health["spool"]["fixes"]) == ("degradado", "error", 3)
            finally:
                self.server.start_database()
            device.sendall(encoder.report((fix(5),)))
            receive(device, 4)
        until(self.server.is_drained, "the spool to be empty")
        seconds = self.server.rows(
            "SELECT extract(second FROM p.fecha_gps)::int FROM posiciones_historicas p JOIN moviles m ON m.id = movil_id "
            "WHERE imei = '350000000000005' ORDER BY 1"
        )
        assert seconds == [(1,), (2,), (3,), (4,), (5,)]
