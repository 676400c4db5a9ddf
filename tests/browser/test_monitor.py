"""Who looks after the server opens the monitoring page in Chromium: adopts a device, stops a receiver, sees what goes wrong."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.chromium import chromium, screenshot
from tests.browser.monitored import IMEI, RECEIVER, ROW, Monitored
from tests.system.server import until

MARKUP = "<script>alert(1)</script>"
GT06 = bytes.fromhex("78780d01035630704244101300018cdd0d0a")


class Monitor(Monitored):
    """The page in use."""

    def state(self, page: Page, receiver: str, state: str) -> None:
        page.locator(f"{RECEIVER.format(receiver)}[data-state={state}]").wait_for()

    def order(self, page: Page, receiver: str, button: str) -> None:
        page.locator(RECEIVER.format(receiver)).get_by_role("button", name=f"{button}: {receiver}", exact=True).click()

    def test_adopted_device_is_on_the_map(self) -> None:
        """A new device waits on the page, with a number at the map's link; adopted with a plate it is on the open map at once."""
        with chromium() as browser:
            page = self.monitor(browser)
            page.locator("#quarantine-empty").wait_for()
            self.report(-34.6037, -58.3816)
            row = page.locator(ROW.format(IMEI))
            row.wait_for()
            assert "teltonika" in row.inner_text()
            assert "-34.603700, -58.381600" in row.inner_text()
            overview = page.context.new_page()
            overview.goto(self.url("/"))
            overview.wait_for_selector("body[data-connection=connected]")
            expect(overview.locator("#badge")).to_have_text("1")
            assert overview.locator("[data-vehicle-id]").count() == 0
            screenshot(overview, "map-badge")
            row.get_by_role("button", name=f"Adoptar: {IMEI}").click()
            expect(page.locator("#dialog-field")).to_be_focused()
            screenshot(page, "monitor-adopt")
            page.keyboard.type("AB 123 CD")
            page.keyboard.press("Enter")
            overview.locator("[data-vehicle-id]", has_text="AB 123 CD").wait_for()
            assert overview.evaluate("[...window.waygps.vehicles.values()].map(each => each.lat)") == [-34.6037]
            expect(row).to_have_count(0)
            expect(page.locator("#toasts")).to_contain_text("AB 123 CD")
            overview.reload()
            expect(overview.locator("#badge")).to_be_hidden()
            screenshot(overview, "map-adopted")
        assert self.complaints == []

    def test_place_of_a_device(self) -> None:
        """The place of a device that waits leads to the map, which looks there and marks it."""
        self.captured("900001", place="-31.42, -64.18")
        with chromium() as browser:
            page = self.monitor(browser)
            page.locator(ROW.format("900001")).get_by_role("link").click()
            page.wait_for_function("window.waygps && Math.abs(window.waygps.map.getCenter().lat + 31.42) < 0.001")
            assert page.locator(".leaflet-overlay-pane path").count() == 1
            screenshot(page, "map-place")
        assert self.complaints == []

    def test_stop_and_start(self) -> None:
        """A receiver is stopped after a question, with its port closed, and started again; a restart asks, too."""
        with chromium() as browser:
            page = self.monitor(browser)
            self.state(page, "Generic TCP", "open")
            self.order(page, "Generic TCP", "Detener")
            expect(page.locator("#dialog-cancel")).to_be_focused()
            page.keyboard.press("Escape")
            expect(page.locator("#dialog")).to_be_hidden()
            self.server.tcp("generic").close()
            self.order(page, "Generic TCP", "Detener")
            page.click("#dialog-do")
            self.state(page, "Generic TCP", "closed")
            until(lambda: not self.is_open(), "the port is closed")
            self.order(page, "Generic TCP", "Iniciar")
            self.state(page, "Generic TCP", "open")
            until(self.is_open, "the port is open")
            with self.server.tcp("generic") as device:
                expect(page.locator(RECEIVER.format("Generic TCP")).locator(".receivers-connections")).to_have_text("1")
                self.order(page, "Generic TCP", "Reiniciar")
                page.click("#dialog-do")
                assert device.recv(10) == b""
            self.state(page, "Generic TCP", "open")
        assert self.complaints == []

    def is_open(self) -> bool:
        """Whether the generic port takes connections."""
        try:
            self.server.tcp("generic").close()
        except OSError:
            return False
        return True

    def test_fault(self) -> None:
        """A receiver that cannot be opened says why, and is tried again by a button; a refused order says what is in the way."""
        with chromium() as browser:
            page = self.monitor(browser)
            self.server.rows("UPDATE configuraciones_receptores SET activo = true WHERE nombre = 'Automatic TCP' RETURNING 1")
            self.state(page, "Automatic TCP", "open")
            self.server.rows(
                """INSERT INTO configuraciones_receptores (nombre, tipo_equipo_id, puerto, protocolo)
                   SELECT 'Repetido', tipo_equipo_id, 9, 'TCP' FROM configuraciones_receptores WHERE nombre = 'Generic TCP'
                   RETURNING 1"""
            )
            self.state(page, "Repetido", "fault")
            row = page.locator(RECEIVER.format("Repetido"))
            assert "Address already in use" in row.inner_text()
            self.server.rows("UPDATE tipos_equipos_gps SET activo = false WHERE codigo = 'queclink' RETURNING 1")
            self.state(page, "Queclink TCP", "off")
            self.server.rows("UPDATE configuraciones_receptores SET activo = false WHERE nombre = 'Queclink TCP' RETURNING 1")
            self.order(page, "Queclink TCP", "Iniciar")
            expect(page.locator("#toasts")).to_contain_text("switched off")
            screenshot(page, "monitor-fault")
            self.server.rows("UPDATE configuraciones_receptores SET activo = false WHERE nombre = 'Generic TCP' RETURNING 1")
            self.order(page, "Repetido", "Reintentar")
            self.state(page, "Repetido", "open")

    def test_messages_and_discard(self) -> None:
        """What a device sent is shown in hex and as text when asked for, and stays open; a discarded device is gone."""
        self.captured("900001", "hola mundo")
        self.captured("900002")
        with chromium() as browser:
            page = self.monitor(browser)
            row = page.locator(ROW.format("900001"))
            show = row.get_by_role("button", name="Mensajes: 900001")
            show.click()
            expect(row.locator(".message")).to_contain_text("68 6f 6c 61 20 6d")
            expect(row.locator(".message")).to_contain_text("hola mundo")
            self.captured("900003")
            page.locator(ROW.format("900003")).wait_for()
            expect(row.locator(".message")).to_be_visible()
            expect(show).to_be_focused()
            row.get_by_role("button", name="Descartar: 900001").click()
            page.click("#dialog-do")
            expect(row).to_have_count(0)
            expect(page.locator("#quarantine-count")).to_have_text("2")
            assert self.server.rows("SELECT imei FROM cuarentena ORDER BY imei") == [("900002",), ("900003",)]
        assert self.complaints == []

    def test_gone_meanwhile(self) -> None:
        """Who adopts a device that somebody else discarded a moment before is told so, and nothing happens."""
        self.captured("900001")
        with chromium() as browser:
            page = self.monitor(browser)
            page.locator(ROW.format("900001")).get_by_role("button", name="Adoptar: 900001").click()
            self.server.rows("DELETE FROM cuarentena RETURNING 1")
            page.click("#dialog-do")
            expect(page.locator("#dialog-problem")).to_contain_text("Ya no existe")
            page.click("#dialog-cancel")
            expect(page.locator("#quarantine-empty")).to_be_visible()

    def test_markup_is_text(self) -> None:
        """Markup in a device's name, in its message, in a plate, in a receiver's name and in unknown bytes shows as text."""
        self.captured(MARKUP, MARKUP, receiver=f"<b>{MARKUP}")
        self.stranger(MARKUP.encode(), "<i>host", '[{"protocolo": "<u>gt06", "puntaje": 0.25}]')
        self.server.rows("UPDATE configuraciones_receptores SET nombre = %s WHERE nombre = 'Generic UDP' RETURNING 1", MARKUP)
        with chromium() as browser:
            page = self.monitor(browser)
            row = page.locator(ROW.format(MARKUP))
            row.get_by_role("button", name="Mensajes").click()
            expect(row.locator(".message")).to_contain_text(MARKUP)
            expect(row).to_contain_text(f"<b>{MARKUP}")
            expect(page.locator("#strangers")).to_contain_text(MARKUP)
            expect(page.locator("#strangers")).to_contain_text("<u>gt06 25 %")
            expect(page.locator("#strangers")).to_contain_text("<i>host")
            expect(page.locator(RECEIVER.format(MARKUP)).locator("strong")).to_have_text(MARKUP)
            row.get_by_role("button", name="Adoptar").click()
            expect(page.locator("#dialog-title")).to_contain_text(MARKUP)
            page.fill("#dialog-field", "<script>x</script>")
            page.click("#dialog-do")
            expect(page.locator("#toasts")).to_contain_text("<script>x</script>")
            assert page.locator("body script, main b, main i, main u").count() == 0
            assert self.server.rows("SELECT imei, patente FROM moviles") == [(MARKUP, "<script>x</script>")]
        assert self.complaints == []

    def test_wrong_port(self) -> None:
        """A device at the wrong port is said at once as a notice, and listed with the port where it belongs."""
        with chromium() as browser:
            page = self.monitor(browser)
            with self.server.tcp("teltonika") as device:
                device.sendall(b"IMEI: 123456789, LAT: -34.6, LON: -58.4, SPD: 45\r\n")
                alert = page.locator("#alerts .entry", has_text="Equipo en el puerto equivocado")
                alert.wait_for()
                finding = page.locator("#findings tbody")
                finding.wait_for()
            with self.server.tcp("teltonika") as device:
                device.sendall(b"IMEI: 123456789, LAT: -34.6, LON: -58.4, SPD: 45\r\n")
                expect(finding).to_contain_text("2 veces")
            expect(finding).to_have_count(1)
            expect(finding).to_contain_text("generic")
            expect(finding).to_contain_text(f"Configure el equipo para el puerto TCP {self.server.ports['generic']}.")
            page.click("#language")
            expect(finding).to_contain_text(f"Set the device to port TCP {self.server.ports['generic']}.")
            expect(page.locator("#alerts .entry")).to_contain_text("Device at the wrong port")
        assert self.complaints == []

    def test_away_and_back(self) -> None:
        """Without PostgreSQL, and without the server, the page says so and keeps what it knew; it recovers by itself."""
        self.captured("900001")
        self.server.rows("INSERT INTO moviles (imei) VALUES (%s) RETURNING 1", IMEI)
        self.report(-34.6, -58.4)
        with chromium() as browser:
            page = self.monitor(browser)
            page.locator(ROW.format("900001")).wait_for()
            self.server.stop_database()
            expect(page.locator("#page-problem")).to_contain_text("La base de datos está fuera de alcance")
            expect(page.locator("#health")).to_contain_text("Fuera de alcance")
            self.report(-34.6, -58.4)
            expect(page.locator("#alerts")).to_contain_text("Base de datos fuera de alcance")
            assert page.locator(ROW.format("900001")).is_visible()
            screenshot(page, "monitor-no-database")
            colour = "getComputedStyle(document.querySelector('#health [data-mood=bad]'), '::before').backgroundColor"
            assert page.evaluate(colour) == "rgb(221, 51, 51)"
            self.server.start_database()
            expect(page.locator("#page-problem")).to_be_hidden(timeout=20_000)
            self.server.end()
            expect(page.locator("#page-problem")).to_contain_text("El servidor no contesta")
            screenshot(page, "monitor-no-server")
            self.server.start()
            expect(page.locator("#page-problem")).to_be_hidden(timeout=40_000)
            page.wait_for_selector("body[data-connection=connected]", timeout=40_000)
            self.report(-34.6, -58.4, "356307042441021")
            page.locator(ROW.format("356307042441021")).wait_for()

    def test_hidden_page_rests(self) -> None:
        """A page that nobody sees asks for nothing, and looks at once when it is seen again."""
        with chromium() as browser:
            page = self.monitor(browser)
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            hide = "state => Object.defineProperty(document, 'visibilityState', {value: state, configurable: true})"
            page.evaluate(hide, "hidden")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            self.captured("900001")
            page.wait_for_timeout(7000)
            assert [url for url in asked if "/api/" in url] == []
            page.evaluate(hide, "visible")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            page.locator(ROW.format("900001")).wait_for(timeout=3000)
        assert self.complaints == []
