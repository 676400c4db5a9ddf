"""A person opens the map in Chromium: login, the vehicles, a device that reports, a server that goes away and comes back."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page
from twisted.trial.unittest import SynchronousTestCase

from protocols.teltonika import teltonika
from tests.browser.chromium import chromium, open_page, screenshot
from tests.system.server import Server, receive
from waygps.fix import Fix

GREEN, YELLOW, RED = [0x44, 0xFF, 0x44], [0xFF, 0xFF, 0x44], [0xFF, 0x44, 0x44]

HAS_COLOUR = """([id, colour]) => {
    const canvas = document.querySelector('.vehicle-canvas'), box = canvas.getBoundingClientRect();
    const place = window.waygps.screenPosition(id), scale = canvas.width / box.width;
    const left = (place.x - box.left - 12) * scale, top = (place.y - box.top - 12) * scale;
    const area = canvas.getContext('2d').getImageData(left, top, 24, 24);
    for (let at = 0; at < area.data.length; at += 4)
        if (colour.every((value, part) => Math.abs(area.data[at + part] - value) < 3) && area.data[at + 3] === 255) return true;
    return false;
}"""


class Map(SynchronousTestCase):
    """One server and one browser a test."""

    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.server.start()
        self.complaints: list[str] = []

    def log_in(self, page: Page) -> None:
        user, password = self.server.login()
        page.goto(f"http://127.0.0.1:{self.server.web_port}/")
        page.wait_for_url("**/login")
        page.fill("#user", user)
        page.fill("#password", password)
        page.click("#enter")
        page.wait_for_selector("body[data-connection=connected]")

    def report(self, lat: float, lon: float, **changes: Any) -> None:
        """A Teltonika device sends a real frame to its port and is answered."""
        encoder = teltonika.encoder("356307042441013", "tcp")
        assert encoder is not None
        values = {"speed_kmh": 40.0, "course_deg": 90.0, "satellites": 9, "ignition": True, **changes}
        with self.server.tcp("teltonika") as device:
            device.sendall(encoder.hello())
            assert receive(device, 1) == b"\x01"
            device.sendall(encoder.report((Fix(time=int(time.time() * 1000), lat=lat, lon=lon, **values),)))
            assert receive(device, 4) == b"\x00\x00\x00\x01"

    def assert_drawn(self, page: Page, vehicle: int, colour: list[int]) -> None:
        page.wait_for_function(HAS_COLOUR, arg=[vehicle, colour])

    def test_login_marker_and_move(self) -> None:
        """After the login a vehicle appears on the open map when its device first reports, and moves when it reports again."""
        with chromium() as browser:
            page = open_page(browser, self.complaints)
            self.log_in(page)
            assert page.locator("[data-vehicle-id]").count() == 0
            self.report(-34.6037, -58.3816)
            row = page.locator("[data-vehicle-id]")
            row.wait_for()
            vehicle = int(row.get_attribute("data-vehicle-id") or 0)
            row.click()
            self.assert_drawn(page, vehicle, GREEN)
            before = page.evaluate("id => window.waygps.vehicles.get(id).lon", vehicle)
            place = page.evaluate("id => window.waygps.screenPosition(id)", vehicle)
            screenshot(page, "map-marker")
            self.report(-34.6037, -58.3796)
            page.wait_for_function("([id, x]) => window.waygps.screenPosition(id).x > x + 5", arg=[vehicle, place["x"]])
            self.assert_drawn(page, vehicle, GREEN)
            assert page.evaluate("id => window.waygps.vehicles.get(id).lon", vehicle) > before
            page.locator(".card [data-field=position]", has_text="-34.603700, -58.379600").wait_for()
            screenshot(page, "map-moved")
        assert self.complaints == []

    def test_wrong_password(self) -> None:
        """A wrong password is said on the login page, in the browser's language, and the right one still works."""
        with chromium() as browser:
            page = open_page(browser, self.complaints, locale="en-GB")
            page.goto(f"http://127.0.0.1:{self.server.web_port}/")
            page.fill("#user", "admin")
            page.fill("#password", "guess")
            page.click("#enter")
            page.locator("#problem", has_text="password").wait_for()
            assert page.url.endswith("/login")
            screenshot(page, "login-wrong-password")
            self.log_in(page)

    def test_colours_of_the_seed(self) -> None:
        """Green with the ignition on, yellow when it moves without, red when it stands."""
        with chromium() as browser:
            page = open_page(browser, self.complaints)
            self.log_in(page)
            self.report(-34.6, -58.4)
            page.click("[data-vehicle-id]")
            vehicle = int(page.get_attribute("[data-vehicle-id]", "data-vehicle-id") or 0)
            self.assert_drawn(page, vehicle, GREEN)
            self.report(-34.6, -58.4, ignition=False)
            self.assert_drawn(page, vehicle, YELLOW)
            self.report(-34.6, -58.4, ignition=False, speed_kmh=0.0)
            self.assert_drawn(page, vehicle, RED)

    def test_plate_is_text(self) -> None:
        """A plate that is markup shows as text, in the list and in the card."""
        self.report(-34.6, -58.4)
        connection = self.server.database()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE moviles SET patente = '<img src=x>'")
        connection.close()
        with chromium() as browser:
            page = open_page(browser, self.complaints)
            self.log_in(page)
            page.locator("[data-vehicle-id]", has_text="<img src=x>").click()
            page.locator(".card", has_text="<img src=x>").wait_for()
            assert page.locator("img[src=x]").count() == 0

    def test_server_goes_and_comes_back(self) -> None:
        """While the server is away the page says so; when it is back the page is live again without a reload."""
        with chromium() as browser:
            page = open_page(browser, self.complaints)
            self.log_in(page)
            self.server.end()
            page.wait_for_selector("body:not([data-connection=connected])")
            screenshot(page, "map-reconnecting")
            self.server.start()
            page.wait_for_selector("body[data-connection=connected]", timeout=40_000)
            self.report(-34.6, -58.4)
            page.locator("[data-vehicle-id]").wait_for()

    def test_session_that_ended(self) -> None:
        """Logging out in one window sends the other to the login page."""
        with chromium() as browser:
            page = open_page(browser, self.complaints)
            self.log_in(page)
            other = page.context.new_page()
            other.goto(f"http://127.0.0.1:{self.server.web_port}/")
            other.wait_for_selector("body[data-connection=connected]")
            other.click("#logout")
            page.wait_for_url("**/login")

    def test_languages(self) -> None:
        """The page speaks the browser's language, Spanish or English, and the button switches it for good."""
        with chromium() as browser:
            page = open_page(browser, self.complaints, locale="en-GB")
            self.log_in(page)
            assert page.get_attribute("html", "lang") == "en"
            page.click("#language")
            page.wait_for_selector("html[lang=es]")
            page.reload()
            page.wait_for_selector("html[lang=es]")
            screenshot(page, "map-spanish")
