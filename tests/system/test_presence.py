"""estado_conexion and mobile_status on the real program."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from websockets.sync.client import ClientConnection

from protocols.teltonika import teltonika
from tests.system.server import Server, ServerCase, receive, until
from waygps.fix import Fix

STATE = "SELECT estado_conexion FROM moviles WHERE imei = %s"


def report(imei: str) -> bytes:
    """A fix without a time, for the text protocol."""
    return f"IMEI: {imei}, LAT: -34.603722, LON: -58.381592, SPD: 45, HDG: 180\n".encode()


def state(server: Server, imei: str) -> str:
    """What the table says of this device."""
    ((found,),) = server.rows(STATE, imei)
    return str(found)


def heard(browser: ClientConnection, **keys: object) -> dict[str, Any]:
    """The next message with these values; other devices are heard of too."""
    while True:
        message = json.loads(browser.recv(20))
        if all(message.get(key) == value for key, value in keys.items()):
            return dict(message)


class Presence(ServerCase):
    """One server, which takes three seconds for silence."""

    settings: Mapping[str, str] = {"INGEST_SILENCE": "3"}

    def test_life_of_a_device(self) -> None:
        """A device is conectado in the table when its report is answered, and desconectado some seconds after it hung up, or fell
        silent over UDP; the browsers are told both, with the number that the table has."""
        with self.server.watch(self.server.token()) as browser:
            with self.server.tcp("generic") as device:
                device.sendall(report("900000001"))
                receive(device, 4)
                assert state(self.server, "900000001") == "conectado"
                ((number,),) = self.server.rows("SELECT id FROM moviles WHERE imei = '900000001'")
                about: dict[str, object] = {"type": "mobile_status", "mobile_id": number}
                assert heard(browser, **about) == {**about, "status": "conectado"}
            assert heard(browser, **about) == {**about, "status": "desconectado"}
            assert state(self.server, "900000001") == "desconectado"
            with self.server.udp("generic") as device:
                device.send(report("900000001"))
                assert device.recv(64) == b"OK\r\n"
            assert heard(browser, **about) == {**about, "status": "conectado"}
            assert heard(browser, **about) == {**about, "status": "desconectado"}

    def test_two_devices_with_one_identity(self) -> None:
        """A device that comes on a second connection loses the first; when that goes on the browsers read of it."""
        with self.server.watch(self.server.token()) as browser:
            devices = [self.server.tcp("generic") for _ in range(4)]
            for device in devices:
                device.sendall(report("900000002"))
                receive(device, 4)
            for device in devices[:3]:
                assert device.recv(1) == b""
            devices[3].sendall(report("900000002"))
            receive(devices[3], 4)
            alert = heard(browser, type="system_alert")
            for device in devices:
                device.close()
        assert alert["alert_type"] == "identidad_repetida"
        assert "900000002" in alert["message"]

    def test_garbage(self) -> None:
        """A device that sends what cannot be decoded is in error, although its connection was closed for it, until it reports."""
        imei = "350000000000777"
        encoder = teltonika.encoder(imei, "tcp")
        assert encoder is not None
        for garbage, expected in ((b"\0\0\0\0\x40\0\0\0\x08\x01", "error"), (b"", "conectado")):
            with self.server.tcp("teltonika") as device:
                device.sendall(encoder.hello())
                receive(device, 1)
                device.sendall(encoder.report((Fix(time=int(time.time() * 1000), lat=-34.6, lon=-58.4, satellites=9),)))
                receive(device, 4)
                device.sendall(garbage)
                until(partial(self.is_in_state, imei, expected), f"the state {expected}")

    def is_in_state(self, imei: str, expected: str) -> bool:
        return state(self.server, imei) == expected

    def test_restart(self) -> None:
        """After a restart, and after a crash, a device that was conectado is so still, until the silence is over."""
        for stop in (self.server.end, self.server.kill):
            with self.server.udp("generic") as device:
                device.send(report("900000003"))
                assert device.recv(64) == b"OK\r\n"
            stop()
            self.server.start()
            assert state(self.server, "900000003") == "conectado"
            until(lambda: state(self.server, "900000003") == "desconectado", "the silence to be noticed")
