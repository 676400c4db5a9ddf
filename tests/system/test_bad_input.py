"""What a device and the operator see when something is wrong, on the real program."""

from __future__ import annotations

import socket
import time
from typing import Any

from protocols.teltonika import teltonika
from tests.system.server import ServerCase, receive, until
from waygps.fix import Fix
from waygps.interfaces import IEncoder

APART = "SELECT motivo, mensaje IS NOT NULL FROM posiciones_rechazadas WHERE imei = %s"


def fix(**changes: Any) -> Fix:
    """A fix of this morning."""
    return Fix(**{"time": 1_795_500_000_000, "lat": -34.6, "lon": -58.4, "satellites": 9, **changes})


def encoder(device: str) -> IEncoder:
    """The device's side of Teltonika's protocol."""
    made = teltonika.encoder(device, "tcp")
    assert made is not None
    return made


def ends(device: socket.socket) -> bytes:
    """What the server still says before it closes the connection."""
    device.settimeout(10)
    data = b""
    while piece := device.recv(1024):
        data += piece
    return data


class BadInput(ServerCase):
    """One server; every device has its own connection."""

    settings = {"INGEST_UNKNOWN_DEVICES": "rechazar"}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        connection = cls.server.database()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO moviles (imei) SELECT '35000000000000' || n FROM generate_series(1, 9) AS n")
        connection.close()

    def logged_in(self, device: str) -> socket.socket:
        connection = self.server.tcp("teltonika")
        connection.sendall(encoder(device).hello())
        assert receive(connection, 1) == b"\x01"
        return connection

    def assert_refused_frame(self, device: str, frame: bytes, *said: str) -> None:
        """The frame is not acknowledged, its connection ends, and the log says why."""
        with self.logged_in(device) as connection:
            connection.sendall(frame)
            assert ends(connection) == b""
        until(lambda: all(text in self.server.log() for text in said), f"{said} in the log")
        assert self.server.is_healthy()

    def test_wrong_crc(self) -> None:
        """A frame damaged on the way is not acknowledged, so the device sends it again; the log names the checksum."""
        frame = encoder("350000000000001").report((fix(),))
        damaged = frame[:-1] + bytes([frame[-1] ^ 1])
        self.assert_refused_frame("350000000000001", damaged, "sent what cannot be decoded", "CRC")
        with self.logged_in("350000000000001") as connection:
            connection.sendall(frame)
            assert receive(connection, 4) == b"\x00\x00\x00\x01"

    def test_unknown_codec(self) -> None:
        """A codec that the decoder does not know is refused by its number."""
        frame = bytearray(encoder("350000000000002").report((fix(),)))
        frame[8] = 0x42
        self.assert_refused_frame("350000000000002", bytes(frame), "codec 42")

    def test_oversized_length(self) -> None:
        """A declared length of a gigabyte ends the connection at once instead of filling the memory."""
        self.assert_refused_frame("350000000000003", b"\x00\x00\x00\x00\x40\x00\x00\x00\x08\x01", str(0x40000000))

    def test_unknown_vehicle(self) -> None:
        """A device that is not in moviles is told no by its own protocol; the log says how to accept it, once."""
        for _ in range(3):
            with self.server.tcp("teltonika") as connection:
                connection.sendall(encoder("359999999999999").hello())
                assert ends(connection) == b"\x00"
        with self.server.tcp("generic") as connection:
            connection.sendall(b"IMEI: 77, LAT: 1, LON: 2\n")
            assert ends(connection) == b"ERROR device 77 is not accepted\r\n"
        until(lambda: "device 359999999999999 is not in the table moviles" in self.server.log(), "the refusal in the log")
        assert self.server.log().count("359999999999999") == 1
        assert "insert it into moviles" in self.server.log()

    def test_unknown_vehicle_entered_later(self) -> None:
        """As soon as the operator enters the vehicle its device is accepted, without a restart."""
        with self.server.tcp("generic") as connection:
            connection.sendall(b"IMEI: 78, LAT: 1, LON: 2\n")
            assert ends(connection).startswith(b"ERROR")
        database = self.server.database()
        with database.cursor() as cursor:
            cursor.execute("INSERT INTO moviles (imei) VALUES ('78')")
        database.close()

        def accepted() -> bool:
            with self.server.tcp("generic") as connection:
                connection.sendall(b"IMEI: 78, LAT: 1, LON: 2\n")
                return connection.recv(100) == b"OK\r\n"

        until(accepted, "the device to be accepted")

    def test_position_out_of_range(self) -> None:
        """A fix at latitude 91 is set apart with the reason and the message; the good ones are stored, all is acknowledged."""
        with self.logged_in("350000000000004") as connection:
            fixes = (fix(), fix(lat=91.0, time=1_795_500_001_000), fix(time=1_795_500_002_000))
            connection.sendall(encoder("350000000000004").report(fixes))
            assert receive(connection, 4) == b"\x00\x00\x00\x03"
        assert self.server.rows(APART, "350000000000004") == [("latitude 91.0 is outside -90..90", True)]
        count = "SELECT count(*) FROM posiciones_historicas JOIN moviles m ON m.id = movil_id WHERE imei = '350000000000004'"
        assert self.server.rows(count) == [(2,)]
        with self.server.tcp("generic") as connection:
            connection.sendall(b"IMEI: 350000000000005, LAT: 91, LON: 2\nIMEI: 350000000000005, LAT: 9, LON: 2\n")
            answers = b"ERROR LAT 91 is outside -90..90\r\nOK\r\n"
            assert receive(connection, len(answers)) == answers

    def test_position_that_cannot_be_read(self) -> None:
        """A text report garbled on the way is acknowledged, so that its device goes on, and kept as it came, with the reason."""
        garbled = "+RESP:GTFRI,060100,350000000000007,,,00,1,1,4.3,92,70.0,121.35x335,31.222073,20261124013254,,,,,00,0.0,,,,80,"
        report = f"{garbled}210100,,,,20261124013254,11F0$".encode()
        with self.server.tcp("queclink") as connection:
            connection.sendall(report)
            assert receive(connection, 11) == b"+SACK:11F0$"
        kept = "SELECT motivo, mensaje FROM posiciones_rechazadas WHERE imei = '350000000000007'"
        ((reason, message),) = self.server.rows(kept)
        assert (reason, bytes(message)) == ("the position is unreadable", report)

    def test_fix_from_the_future(self) -> None:
        """A device whose clock is a day ahead is acknowledged, its fix set apart, and its next right fix moves the vehicle."""
        now = int(time.time() * 1000)
        with self.logged_in("350000000000006") as connection:
            for moment in (now + 86_400_000, now):
                connection.sendall(encoder("350000000000006").report((fix(time=moment),)))
                assert receive(connection, 4) == b"\x00\x00\x00\x01"
        ((reason, _),) = self.server.rows(APART, "350000000000006")
        assert "ahead of the reception" in reason
        current = "SELECT (extract(epoch FROM fecha_gps) * 1000)::bigint FROM moviles WHERE imei = '350000000000006'"
        assert self.server.rows(current) == [(now,)]

    def test_garbage_on_every_port(self) -> None:
        """A port scanner's bytes on the device ports disturb nobody."""
        self.server.open_receivers()
        for vendor in self.server.ports:
            with self.server.tcp(vendor) as connection, self.server.udp(vendor) as datagrams:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(range(256)) * 8)
                datagrams.send(bytes(range(256)))
        assert self.server.is_healthy()
        assert "Traceback" not in self.server.log()
