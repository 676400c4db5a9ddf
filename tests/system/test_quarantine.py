"""An unknown device at the running server: quarantined, adopted, on the map."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.system.server import CHECKOUT, ServerCase, receive, until

LINE = b"IMEI: %s, LAT: -34.6037%d, LON: -58.381592, SPD: 45, TIME: %d\r\n"


class QuarantineTest(ServerCase):
    settings = {"INGEST_UNKNOWN_DEVICES": "cuarentena"}

    def report(self, imei: str, *numbers: int) -> bytes:
        """A device reports; what it is answered."""
        answers = b""
        with self.server.tcp("generic") as device:
            for number in numbers:
                device.sendall(LINE % (imei.encode(), number, 1_795_500_000 + number))
                answers += receive(device, 4)
        return answers

    def history(self, imei: str) -> int:
        """How many fixes of this device are stored."""
        sql = "SELECT count(*) FROM posiciones_historicas p JOIN moviles m ON m.id = p.movil_id WHERE imei = %s"
        return int(self.server.rows(sql, imei)[0][0])

    def command(self, *arguments: str) -> str:
        """Run ``waygps`` beside the server."""
        program = str(Path(sys.executable).with_name("waygps"))
        done = subprocess.run(
            [program, *arguments], cwd=CHECKOUT, env=self.server.environment(), capture_output=True, text=True, check=True
        )
        return done.stdout

    def test_adopted_from_the_command_line(self) -> None:
        """A device that nobody entered is acknowledged, listed, and after its adoption its earlier fixes are on the map, live."""
        assert self.report("900001", 1, 2, 3) == b"OK\r\n" * 3
        assert self.history("900001") == 0
        assert "900001" in self.command("quarantine", "list")
        with self.server.watch(self.server.token()) as browser:
            assert json.loads(browser.recv(10))["type"] == "initial_state"
            self.command("quarantine", "adopt", "900001", "--patente", "AB 123 CD")
            # Its mobile_status may come first: the device is connected.
            messages = iter(lambda: json.loads(browser.recv(20)), None)
            update = next(message for message in messages if message["type"] == "gps_update")
        assert update["data"]["patente"] == "AB 123 CD"
        until(lambda: self.history("900001") == 3, "all three fixes are in the history")
        assert self.report("900001", 4) == b"OK\r\n"
        assert self.history("900001") == 4
        until(lambda: not self.server.rows("SELECT imei FROM cuarentena WHERE imei = '900001'"), "nothing waits")

    def test_adopted_by_rest(self) -> None:
        """A page adopts with one call."""
        assert self.report("900002", 1) == b"OK\r\n"
        token = self.server.token()
        status, answer = self.server.request("POST", "/api/cuarentena/900002/adoptar", {}, token)
        assert (status, answer["imei"]) == (200, "900002")
        until(lambda: self.history("900002") == 1, "its fix is in the history")

    def test_through_an_outage(self) -> None:
        """A new device that reports while PostgreSQL is away is acknowledged, and in quarantine afterwards."""
        self.server.stop_database()
        assert self.report("900003", 1, 2) == b"OK\r\n" * 2
        self.server.start_database()
        until(self.server.is_drained, "the spool is empty")
        assert self.server.rows("SELECT mensajes FROM cuarentena WHERE imei = '900003'") == [(2,)]
        self.command("quarantine", "adopt", "900003")
        until(lambda: self.history("900003") == 2, "both fixes are in the history")

    def test_rule_of_a_receiver(self) -> None:
        """One receiver refuses strangers while the others keep them, and the rule changes while the server runs."""
        self.server.rows(
            """UPDATE configuraciones_receptores SET configuracion_avanzada = '{"desconocidos": "rechazar"}'
               WHERE nombre = 'Generic TCP' RETURNING 1"""
        )
        until(lambda: "ERROR" in self.answer("900004"), "the device is refused")
        self.server.rows(
            "UPDATE configuraciones_receptores SET configuracion_avanzada = NULL WHERE nombre = 'Generic TCP' RETURNING 1"
        )
        until(lambda: self.answer("900004") == "OK\r\n", "the device is kept")

    def answer(self, imei: str) -> str:
        """What the server says to one report, "" where it is not there right now."""
        try:
            with self.server.tcp("generic") as device:
                device.sendall(LINE % (imei.encode(), 1, 1_795_500_001))
                return device.recv(100).decode()
        except OSError:
            return ""
