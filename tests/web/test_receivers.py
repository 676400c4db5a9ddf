"""REST for the receivers: a page, or a program, sees how each port does, and adds, changes, stops and starts one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes import FakeSessions, LineDecoder, logged
from tests.postgres import clock, connected, until
from tests.web.serving import Answer, WebTest
from waygps.config import Limits
from waygps.ingest.files import Files
from waygps.ingest.findings import Finding
from waygps.ingest.guard import Guard
from waygps.ingest.journal import Journal
from waygps.ingest.receivers import ReceiverService
from waygps.ports import Listener
from waygps.storage.receivers import AUTO, Receiver, enter_vendors
from waygps.vendor import Vendor

LINES = Vendor(name="lines", title="Lines", port=9000, decoder=lambda *_: LineDecoder(), transports=("tcp", "udp"))
WEB = Vendor(name="web", title="Web", port=9001, decoder=lambda *_: LineDecoder(), transports=("http",))
GONE = Vendor(name="gone", title="Gone", port=9002, decoder=lambda *_: LineDecoder(), transports=("tcp",))
ROUTES = [
    ("GET", "/"),
    ("GET", "/hallazgos"),
    ("POST", "/"),
    ("PATCH", "/1"),
    ("POST", "/1/iniciar"),
    ("POST", "/1/detener"),
    ("POST", "/1/reiniciar"),
    ("DELETE", "/1"),
]
EVERYTHING = "SELECT * FROM configuraciones_receptores ORDER BY id"


class ReceiversTest(WebTest):
    ports = {"web": 9500}

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        connection = connected(self.url)
        connection.autocommit = False
        enter_vendors(connection, [LINES, WEB, GONE, AUTO])
        connection.close()
        self.bearer = f"Bearer {await self.log_in()}"

    async def rest(self, path: str = "/", method: str = "GET", body: object = None) -> Answer:
        """Ask below /api/receptores as who is logged in; a POST without a body of its own has an empty one."""
        sent = {} if method == "POST" and body is None else body
        return await self.ask(f"/api/receptores{path}", method, sent, authorization=self.bearer)

    async def shown(self, name: str) -> dict[str, Any]:
        """The receiver of this name, as listed."""
        listed: list[dict[str, Any]] = (await self.rest()).json["receptores"]
        (found,) = [each for each in listed if each["nombre"] == name]
        return found

    async def id_of(self, name: str) -> int:
        """Its number."""
        return int((await self.shown(name))["id"])

    async def refused(self, path: str, method: str, body: object = None) -> tuple[int, str]:
        """Status and text of what is refused and changes nothing."""
        before = self.rows(EVERYTHING)
        answer = await self.rest(path, method, body)
        assert set(answer.json) == {"error"}
        assert self.rows(EVERYTHING) == before
        return answer.status, answer.json["error"]

    async def test_list(self) -> None:
        """Every receiver is listed by priority and port with its type; of one that is not open no more is known."""
        listed = (await self.rest()).json["receptores"]
        assert [(each["nombre"], each["protocolo"], each["puerto"], each["activo"]) for each in listed] == [
            ("Automatic TCP", "TCP", 8079, False),
            ("Automatic UDP", "UDP", 8079, False),
            ("Lines TCP", "TCP", 9000, True),
            ("Lines UDP", "UDP", 9000, True),
            ("Web HTTP", "HTTP", 9001, True),
            ("Gone TCP", "TCP", 9002, True),
        ]
        lines = listed[2]
        assert (lines["tipo"], lines["tipo_nombre"], lines["puerto_usado"], lines["configuracion_avanzada"]) == (
            *("lines", "Lines"),
            *(9000, None),
        )
        assert (lines["abierto"], lines["error"], lines["conexiones"], lines["contadores"]) == (False, "", None, None)
        assert listed[4]["puerto_usado"] == 9500

    async def test_what_is_not_there(self) -> None:
        """A receiver of a vendor that the server has not says so; a stopped one needs no explanation."""
        assert (await self.shown("Gone TCP"))["error"] == "there is no vendor gone"
        await self.rest(f"/{await self.id_of('Gone TCP')}/detener", "POST")
        assert (await self.shown("Gone TCP"))["error"] == ""

    async def test_open(self) -> None:
        """An open receiver shows its connections and what its limits cost; one whose port another has shows the fault."""
        number = await self.id_of("Lines TCP")
        receiver = Receiver(number, "Lines TCP", "lines", 0, "TCP")
        files = Files(1_000_000, 0, lambda kind, text: None)
        guard = Guard(clock, Limits(connections_receiver=1), Journal(Path("/nowhere"), clock.seconds), files, lambda: False)
        ward = guard.ward(receiver)
        gate = ward.gate
        service = ReceiverService(Listener(clock, "127.0.0.1"), receiver, LINES, FakeSessions(), ward)
        service.startService()
        self.addCleanup(service.stopService)
        self.receivers.append(service)
        with logged():
            assert [gate.admit("10.0.0.1"), gate.admit("10.0.0.2")] == [True, False]
        shown = await self.shown("Lines TCP")
        assert (shown["abierto"], shown["error"], shown["conexiones"]) == (True, "", 1)
        assert shown["contadores"] == {"aceptadas": 1, "por_limite": {"conexiones_receptor": 1}}
        service.fault = "TCP port 9000: Address already in use"
        shown = await self.shown("Lines TCP")
        assert (shown["abierto"], shown["error"]) == (False, "TCP port 9000: Address already in use")

    async def test_findings(self) -> None:
        """Devices at the wrong port are shown with whose they are and what they sent."""
        self.findings.append(Finding(1_795_521_600.5, "Lines TCP", "tcp", "10.0.0.1:5000", "web", 1.0, False, b"\x01<"))
        assert (await self.rest("/hallazgos")).json == {
            "hallazgos": [
                {
                    **{"fecha": "2026-11-24T12:00:00.500Z", "receptor": "Lines TCP", "protocolo": "TCP"},
                    **{"origen": "10.0.0.1:5000", "tipo": "web", "puntaje": 1.0, "atendido": False, "datos": "013c"},
                }
            ]
        }

    async def test_add(self) -> None:
        """A new receiver is active, on the type's first transport unless another is given, and with its rules."""
        body = {"nombre": "Norte", "tipo": "web", "puerto": 9100}
        answer = await self.rest("/", "POST", body)
        assert (answer.status, answer.json["protocolo"], answer.json["activo"]) == (201, "HTTP", True)
        assert await self.shown("Norte") == answer.json
        more = {"protocolo": "udp", "desconocidos": "rechazar", "otros_protocolos": True}
        answer = await self.rest("/", "POST", {"nombre": "Sur", "tipo": "lines", "puerto": 9100, **more})
        assert (answer.status, answer.json["protocolo"]) == (201, "UDP")
        assert answer.json["configuracion_avanzada"] == {"desconocidos": "rechazar", "otros_protocolos": True}

    async def test_change(self) -> None:
        """What is given changes, alone or together, what is not given stays, and a rule is taken back with null."""
        path = f"/{await self.id_of('Lines TCP')}"
        assert (await self.rest(path, "PATCH", {"nombre": "Sur"})).json["nombre"] == "Sur"
        assert (await self.rest(path, "PATCH", {"puerto": 9200, "desconocidos": "registrar"})).json["puerto"] == 9200
        changed = (await self.rest(path, "PATCH", {"tipo": "gone", "otros_protocolos": False})).json
        assert (changed["nombre"], changed["tipo"], changed["puerto"]) == ("Sur", "gone", 9200)
        assert changed["configuracion_avanzada"] == {"desconocidos": "registrar", "otros_protocolos": False}
        self.rows("UPDATE configuraciones_receptores SET configuracion_avanzada = configuracion_avanzada || '{\"x\": null}'")
        changed = (await self.rest(path, "PATCH", {"desconocidos": None})).json
        assert changed["configuracion_avanzada"] == {"otros_protocolos": False, "x": None}

    async def test_stop_start_restart(self) -> None:
        """A receiver is stopped and started, twice without harm; every running server hears of each, and of a restart."""
        number = await self.id_of("Lines TCP")
        session, heard = await self.session(), list[str]()
        await session.listen("waygps_receptores", heard.append)
        for order, is_active, told in (
            ("detener", False, ""),
            ("detener", False, ""),
            ("iniciar", True, ""),
            ("iniciar", True, ""),
            ("reiniciar", True, f"reiniciar {number}"),
        ):
            answer = await self.rest(f"/{number}/{order}", "POST")
            assert (answer.status, answer.json["activo"]) == (200, is_active)
            await until(lambda told=told: heard == [told], order)  # type: ignore[misc]  # the loop's own
            heard.clear()

    async def test_delete(self) -> None:
        """A receiver that is deleted is gone, and found no second time."""
        path = f"/{await self.id_of('Lines UDP')}"
        assert [(await self.rest(path, "DELETE")).status for _ in range(2)] == [204, 404]
        assert not [each for each in (await self.rest()).json["receptores"] if each["nombre"] == "Lines UDP"]

    async def test_cannot_be_added(self) -> None:
        """What cannot be says why, and names who is in the way; nothing is added."""
        good = {"nombre": "Norte", "tipo": "lines", "puerto": 9100}
        for wrong, status, reason in (
            ({"puerto": 9000}, 409, "TCP port 9000 is taken by receiver Lines TCP"),
            ({"puerto": 9001}, 409, "TCP port 9001 is taken by receiver Web HTTP: HTTP is on a TCP port too"),
            ({"nombre": "Gone TCP"}, 409, "there is a receiver Gone TCP already"),
            ({"puerto": 0}, 400, "0 is not a port: ports are numbers from 1 to 65535"),
            ({"puerto": 65536}, 400, "65536 is not a port"),
            ({"puerto": 10**30}, 400, "is not a port"),
            ({"puerto": "9100"}, 400, "$.puerto"),
            ({"tipo": "nada"}, 400, "there is no type nada; there are: auto, gone, lines, web"),
            ({"tipo": "x\0"}, 400, "there is no type"),
            ({"protocolo": "HTTP"}, 400, "lines devices do not use HTTP, but TCP, UDP"),
            ({"protocolo": "SCTP"}, 400, "lines devices do not use SCTP, but TCP, UDP"),
            ({"nombre": ""}, 400, "a name has 1 to 100 printable characters"),
            ({"nombre": "x\n"}, 400, "a name has 1 to 100 printable characters"),
            ({"desconocidos": "nada"}, 400, "$.desconocidos"),
            ({"clave": 1}, 400, "clave"),
        ):
            told = await self.refused("/", "POST", {**good, **wrong})
            assert told[0] == status, (wrong, told)
            assert reason in told[1], (wrong, told)
        assert (await self.refused("/", "POST", {}))[0] == 400

    async def test_cannot_be_changed(self) -> None:
        """What a receiver cannot become is refused as when one is added; its own port and name are in nobody's way."""
        path = f"/{await self.id_of('Lines TCP')}"
        for wrong, status, reason in (
            ({"puerto": 9002}, 409, "taken by receiver Gone TCP"),
            ({"nombre": "Gone TCP"}, 409, "there is a receiver Gone TCP already"),
            ({"puerto": -1}, 400, "is not a port"),
            ({"tipo": "nada"}, 400, "there is no type nada"),
            ({"tipo": "web"}, 400, "web devices do not use TCP, but HTTP"),
            ({}, 400, "nothing to change"),
            ({"nombre": None}, 400, "nothing to change"),
        ):
            told = await self.refused(path, "PATCH", wrong)
            assert (told[0], reason in told[1]) == (status, True), (wrong, told)
        assert (await self.rest(path, "PATCH", {"nombre": "Lines TCP", "puerto": 9000})).status == 200

    async def test_states_that_forbid(self) -> None:
        """A stopped receiver has no restart, and one of a type that is switched off no start."""
        number = await self.id_of("Gone TCP")
        await self.rest(f"/{number}/detener", "POST")
        assert await self.refused(f"/{number}/reiniciar", "POST") == (409, "Gone TCP is stopped: start it")
        self.rows("UPDATE tipos_equipos_gps SET activo = false WHERE codigo = 'gone'")
        status, text = await self.refused(f"/{number}/iniciar", "POST")
        assert (status, "switched off" in text) == (409, True)

    async def test_nobody(self) -> None:
        """Of a receiver that is not there nothing can be changed."""
        for number in (999, 2**31, 10**20):
            for method, tail, body in (("PATCH", "", {"puerto": 1}), ("DELETE", "", None), ("POST", "/iniciar", {})):
                assert (await self.refused(f"/{number}{tail}", method, body))[0] == 404
        assert (await self.refused("/abc", "DELETE"))[0] in (404, 405)

    async def test_forms(self) -> None:
        """A form, which another site's page could send, changes nothing."""
        number = await self.id_of("Lines TCP")
        for method, path in (("POST", "/"), ("PATCH", f"/{number}"), ("POST", f"/{number}/detener")):
            answer = await self.ask(
                f"/api/receptores{path}",
                method,
                b"puerto=1",
                authorization=self.bearer,
                content_type="application/x-www-form-urlencoded",
            )
            assert answer.status == 415, path
        assert (await self.shown("Lines TCP"))["activo"]

    async def test_login_needed(self) -> None:
        """Who is not logged in learns nothing, and changes nothing."""
        before = self.rows(EVERYTHING)
        for method, path in ROUTES:
            answer = await self.ask(f"/api/receptores{path}", method, {} if method in ("POST", "PATCH") else None)
            assert (answer.status, set(answer.json)) == (401, {"error"}), path
        assert self.rows(EVERYTHING) == before
