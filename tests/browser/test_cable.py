"""The network between the page and the server goes away without a word, and comes back."""

from __future__ import annotations

import asyncio
import time
from threading import Thread
from typing import Any

from playwright.sync_api import Page
from twisted.trial.unittest import SynchronousTestCase

from chaos.proxy import Proxy, State
from protocols.teltonika import teltonika
from tests.browser.chromium import chromium, open_page, screenshot
from tests.ports import free_port
from tests.system.server import Server, receive
from waygps.fix import Fix

CUT = 20.0
"""Seconds: long enough for the page to notice, and for a first attempt to connect to hang."""
BACK = 3.0
"""Seconds after the network's return within which the page is live again."""


class Cable:
    """A proxy in a thread of its own."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._proxy = Proxy(self.port, target)
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.set("open")

    def set(self, state: State) -> None:
        """From now on the cable is so."""
        self._do(self._proxy.set(state))

    def end(self) -> None:
        """Close it."""
        self._do(self._proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


class CutCableTests(SynchronousTestCase):
    def setUp(self) -> None:
        # A heartbeat each second: the page waits for three of them.
        self.server = Server({"LIVE_TIMEOUT": "2"})
        self.addCleanup(self.server.stop)
        self.server.start()
        self.cable = Cable(self.server.web_port)
        self.addCleanup(self.cable.end)

    def log_in(self, page: Page) -> None:
        user, password = self.server.login()
        page.goto(f"http://127.0.0.1:{self.cable.port}/login")
        page.fill("#user", user)
        page.fill("#password", password)
        page.click("#enter")
        page.wait_for_selector("body[data-connection=connected]")

    def report(self, lat: float) -> None:
        """A device says where it is."""
        encoder = teltonika.encoder("356307042441013", "tcp")
        assert encoder is not None
        with self.server.tcp("teltonika") as device:
            device.sendall(encoder.hello())
            assert receive(device, 1) == b"\x01"
            device.sendall(encoder.report((Fix(time=int(time.time() * 1000), lat=lat, lon=-58.4),)))
            assert receive(device, 4) == b"\x00\x00\x00\x01"

    def test_cut_cable(self) -> None:
        """A page whose network is cut says so, and is live within three seconds of its return, with what happened meanwhile."""
        with chromium() as browser:
            page = open_page(browser, [])
            self.log_in(page)
            self.report(-34.0)
            page.wait_for_function("() => [...window.waygps.vehicles.values()].some((vehicle) => vehicle.lat === -34)")
            page.wait_for_timeout(4000)
            assert page.get_attribute("body", "data-connection") == "connected", "a quiet fleet is no dead network"
            begun = time.monotonic()
            self.cable.set("silent")
            page.wait_for_selector("body[data-connection=reconnecting]", timeout=6000)
            screenshot(page, "map-cut-cable")
            self.report(-35.0)
            page.wait_for_timeout(1000 * (CUT - (time.monotonic() - begun)))
            assert page.get_attribute("body", "data-connection") == "reconnecting"
            self.cable.set("open")
            page.wait_for_function(
                "() => [...window.waygps.vehicles.values()].some((vehicle) => vehicle.lat === -35)"
                " && document.body.dataset.connection === 'connected'",
                timeout=1000 * BACK,
            )
