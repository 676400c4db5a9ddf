"""How the monitoring page looks: in both languages, light and dark, wide and narrow; and that no word is missing."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

from playwright.sync_api import Page

from tests.browser.chromium import chromium, screenshot
from tests.browser.monitored import ROW, Monitored
from waygps.web.assets import webroot

LOCALES = ("es-AR", "en-GB")
WIDTHS = {1280: 900, 360: 740}
KEY = re.compile(r"\b[a-z]+(?:\.[a-zA-Z0-9_]+)+\b")
WORDS = "async () => (await import('/static/js/i18n.js')).WORDS"
IN_PAGES = re.compile(r'data-i18n(?:-[a-z]+)?="([^"]+)"')
IN_SCRIPTS = re.compile(r"""\bt\((?:[^()'`]*\? )?'([\w.]+)'(?: : '([\w.]+)')?""")
BEGINNINGS = re.compile(r"\bt\(`([a-z]+\.(?:[a-z]+\.)?)\$\{")


class Looks(Monitored):
    """The page to look at."""

    def setUp(self) -> None:
        super().setUp()
        self.captured("356307042441013", "\x00\x0f356307042441013", receiver="Teltonika TCP")
        self.captured("un-equipo-de-nombre-muy-largo-01", place="NULL, NULL")
        self.stranger(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", candidates='[{"protocolo": "gt06", "puntaje": 0.25}]')
        self.stranger(bytes(range(256)), "2001:db8::1234:5678")
        self.server.rows(
            """UPDATE configuraciones_receptores SET activo = nombre <> 'Queclink UDP',
                      configuracion_avanzada = '{"otros_protocolos": true, "desconocidos": "rechazar"}'
               WHERE nombre IN ('Queclink UDP', 'Queclink TCP') RETURNING 1"""
        )

    def test_every_look(self) -> None:
        """In each look all sections are there, nothing is wider than the screen, and no key stands in place of a word."""
        with chromium() as browser:
            for locale, scheme, width in product(LOCALES, ("light", "dark"), WIDTHS):
                size = {"width": width, "height": WIDTHS[width]}
                page = self.monitor(browser, locale=locale, color_scheme=scheme, viewport=size)
                with self.server.tcp("teltonika") as device:
                    device.sendall(b"IMEI: 123456789, LAT: -34.6, LON: -58.4, SPD: 45\r\n")
                    page.locator("#findings tbody").first.wait_for()
                page.locator("#strangers .entry").first.wait_for()
                self.check(page)
                screenshot(page, f"monitor-{locale[:2]}-{scheme}-{width}", whole=True)
                page.goto(self.url("/"))
                page.locator("#badge").wait_for()
                screenshot(page, f"map-header-{locale[:2]}-{scheme}-{width}")
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the header is too wide"
                page.context.close()
        assert self.complaints == []

    def check(self, page: Page) -> None:
        """Nothing sticks out, and every text is words."""
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
        wide = """[...document.querySelectorAll('main *')].filter(each => each.getClientRects().length &&
                    each.getBoundingClientRect().right > window.innerWidth + 1).map(each => each.outerHTML.slice(0, 80))"""
        assert page.evaluate(wide) == []
        known = {key for words in self.words(page).values() for key in words}
        shown = set(KEY.findall(page.inner_text("body")))
        assert shown & known == set()

    def words(self, page: Page) -> dict[str, dict[str, str]]:
        """The words of each language."""
        found: dict[str, dict[str, str]] = page.evaluate(WORDS)
        return found

    def test_no_word_is_missing(self) -> None:
        """Every key that a page or a script names is in both languages, with the same places to fill in."""
        with chromium() as browser:
            words = self.words(self.monitor(browser))
        spanish, english = words["es"], words["en"]
        assert set(spanish) == set(english)
        assert all(text.strip() for text in (*spanish.values(), *english.values()))
        places: Any = {key: (_places(spanish[key]), _places(english[key])) for key in spanish}
        assert {key: each for key, each in places.items() if each[0] != each[1]} == {}
        pages = "\n".join(file.read_text() for file in webroot().glob("*.html"))
        scripts = "\n".join(file.read_text() for file in webroot().glob("js/**/*.js"))
        named = {key for found in IN_SCRIPTS.findall(scripts) for key in found if key} | set(IN_PAGES.findall(pages))
        assert len(named) > 60
        assert named - set(spanish) == set()
        begun = set(BEGINNINGS.findall(scripts))
        assert {each for each in begun if not any(key.startswith(each) for key in spanish)} == set()

    def test_keyboard(self) -> None:
        """With the keyboard alone one reaches a device's buttons, asks, gives up, and is where one was."""
        with chromium() as browser:
            page = self.monitor(browser)
            page.locator(ROW.format("356307042441013")).wait_for()
            for _ in range(40):
                page.keyboard.press("Tab")
                label = str(page.evaluate("document.activeElement.getAttribute('aria-label')"))
                if label == "Descartar: 356307042441013":
                    break
            assert label == "Descartar: 356307042441013"
            page.keyboard.press("Enter")
            page.wait_for_selector("#dialog[open]")
            page.keyboard.press("Escape")
            page.wait_for_selector("#dialog:not([open])", state="hidden")
            assert page.evaluate("document.activeElement.getAttribute('aria-label')") == label
        assert self.complaints == []


def _places(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))
