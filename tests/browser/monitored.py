"""A server and a browser for the tests of the monitoring page, and devices that report."""

from __future__ import annotations

import time

from playwright.sync_api import Browser, Page
from twisted.trial.unittest import SynchronousTestCase

from protocols.teltonika import teltonika
from tests.browser.chromium import open_page
from tests.system.server import Server, receive
from waygps.fix import Fix

IMEI = "356307042441013"
ROW = "[data-device='{}']"
RECEIVER = "[data-receiver='{}']"


class Monitored(SynchronousTestCase):
    """One server a test, which keeps unknown devices in quarantine."""

    def setUp(self) -> None:
        self.server = Server({"INGEST_UNKNOWN_DEVICES": "cuarentena"})
        self.addCleanup(self.server.stop)
        self.server.start()
        self.complaints: list[str] = []

    def url(self, path: str) -> str:
        """An address of the server."""
        return f"http://127.0.0.1:{self.server.web_port}{path}"

    def monitor(self, browser: Browser, **context: object) -> Page:
        """The monitoring page, of who has logged in, with its first answers."""
        page = open_page(browser, self.complaints, **context)
        user, password = self.server.login()
        page.goto(self.url("/monitor"))
        page.wait_for_url("**/login")
        page.fill("#user", user)
        page.fill("#password", password)
        page.click("#enter")
        page.wait_for_selector("#map")
        page.goto(self.url("/monitor"))
        page.wait_for_selector("body[data-connection=connected]")
        page.locator("#receivers tbody").first.wait_for()
        return page

    def report(self, lat: float, lon: float, imei: str = IMEI) -> None:
        """A Teltonika device sends a real frame to its port and is answered."""
        encoder = teltonika.encoder(imei, "tcp")
        assert encoder is not None
        with self.server.tcp("teltonika") as device:
            device.sendall(encoder.hello())
            assert receive(device, 1) == b"\x01"
            fix = Fix(time=int(time.time() * 1000), lat=lat, lon=lon, speed_kmh=40.0, course_deg=90.0, satellites=9)
            device.sendall(encoder.report((fix,)))
            assert receive(device, 4) == b"\x00\x00\x00\x01"

    def captured(self, imei: str, message: str = "hola", receiver: str = "Generic TCP", place: str = "-34.6, -58.4") -> None:
        """A device is in quarantine with one message."""
        sql = f"SELECT capturar(%s, 'generic', %s, '192.0.2.1:5000', 1, %s, 'x', {place}, 99, 99, 100000, false)"
        self.server.rows(sql, imei, receiver, message.encode())

    def stranger(self, data: bytes, host: str = "192.0.2.9", candidates: str = "[]") -> None:
        """Bytes that nobody recognises are kept."""
        self.server.rows(
            """INSERT INTO bytes_desconocidos (receptor, protocolo, origen, datos, candidatos)
               VALUES ('Automatic TCP', 'TCP', %s, %s, %s) RETURNING 1""",
            host,
            data,
            candidates,
        )
