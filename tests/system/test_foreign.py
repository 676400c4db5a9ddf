"""Devices at the port of another vendor, on the real program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.system.server import CHECKOUT, ServerCase, is_silent, receive, until
from waygps.fix import Fix

LOGIN = b"\x00\x0f356307042441013"
FIX = Fix(time=1_795_500_000_000, lat=-34.6, lon=-58.4)


class ForeignTests(ServerCase):
    def waygps(self, *arguments: str) -> str:
        """Run ``waygps receivers`` as an operator does."""
        command = [str(Path(sys.executable).with_name("waygps")), "receivers", *arguments]
        return subprocess.run(
            command, cwd=CHECKOUT, env=self.server.environment(), capture_output=True, text=True, timeout=30, check=True
        ).stdout

    def logged(self, text: str) -> str:
        """The line of the log with this."""
        return str(
            until(lambda: next((line for line in self.server.log().splitlines() if text in line), ""), f"{text} in the log")
        )

    def fixes(self, imei: str) -> int:
        return int(self.server.rows("SELECT total FROM (SELECT count(*) total FROM posiciones_historicas h JOIN moviles m "
                                    "ON m.id = h.movil_id WHERE imei = %s) x", imei)[0][0])  # fmt: skip

    def test_life(self) -> None:
        """A Queclink at Teltonika's port is cut off, and the log and an alert say where it belongs; allowed, it is served there
        from its next connection on, while a Teltonika that is connected does not notice; forbidden again, it is cut off."""
        device = queclink.encoder("135790246811220", "tcp")
        assert device is not None
        port, other = self.server.ports["teltonika"], self.server.ports["queclink"]
        with self.server.watch(self.server.token()) as page, self.server.tcp("teltonika") as own:
            own.sendall(LOGIN)
            assert receive(own, 1) == b"\x01"
            text = f"this device speaks queclink; port {port} is for teltonika; queclink has port {other}"
            with self.server.tcp("teltonika") as foreign:
                foreign.sendall(device.report((FIX,)))
                assert foreign.recv(64) == b""
            self.logged(text)
            assert text in self.alert(page)["message"]
            assert self.fixes("135790246811220") == 0
            self.waygps("set", "Teltonika TCP", "--others")
            answer = until(lambda: self.answer(device.report((FIX,))), "the foreign device to be served")
            assert answer.startswith(b"+SACK")
            assert self.fixes("135790246811220") == 1
            self.logged(f"port {port} is for teltonika; it is served here")
            own.sendall(b"\xff")
            assert is_silent(own, 0.3)
            self.waygps("set", "Teltonika TCP", "--no-others")
            until(lambda: self.answer(device.report((FIX,))) == b"", "the foreign device to be cut off")
            own.sendall(self.record())
            assert receive(own, 4) == b"\0\0\0\x01"

    def answer(self, report: bytes) -> bytes:
        with self.server.tcp("teltonika") as foreign:
            foreign.sendall(report)
            return foreign.recv(64)

    def record(self) -> bytes:
        device = teltonika.encoder("356307042441013", "tcp")
        assert device is not None
        return device.report((FIX,))

    def alert(self, page: Any) -> dict[str, Any]:
        """The next alert of this kind on the page."""
        while True:
            message = json.loads(page.recv(timeout=10))
            if message["type"] == "system_alert" and "protocolo_ajeno" in message.values():
                return dict(message)

    def test_datagrams(self) -> None:
        """The same over UDP."""
        device = queclink.encoder("135790246811221", "udp")
        assert device is not None
        with self.server.udp("teltonika") as foreign:
            foreign.send(device.report((FIX,)))
            assert is_silent(foreign, 0.3)
            self.logged(f"this device speaks queclink; port {self.server.ports['teltonika']} is for teltonika")
            self.waygps("set", "Teltonika UDP", "--others")
            foreign.settimeout(1)

            def served() -> bytes:
                foreign.send(device.report((FIX,)))
                try:
                    return foreign.recv(64)
                except TimeoutError:
                    return b""

            assert until(served, "the datagram to be answered").startswith(b"+SACK")
        assert self.fixes("135790246811221") == 1

    def test_restart(self) -> None:
        """A receiver that is restarted cuts its devices off, which connect anew at once; another's do not notice."""
        with self.server.tcp("queclink") as device, self.server.tcp("teltonika") as other:
            other.sendall(LOGIN)
            assert receive(other, 1) == b"\x01"
            self.waygps("restart", "Queclink TCP")
            assert device.recv(1) == b""
            until(self.is_open, "the receiver to be open again")
            other.sendall(self.record())
            assert receive(other, 4) == b"\0\0\0\x01"

    def is_open(self) -> bool:
        try:
            self.server.tcp("queclink").close()
        except OSError:
            return False
        return True
