"""REST for the quarantine: a page shows who waits, and adopts with one call."""

from __future__ import annotations

from urllib.parse import quote

from tests.web.serving import WebTest

CAPTURED = "SELECT capturar(%s, 'lines', 'Lines TCP', '192.0.2.1:5000', 1, 'raw', 'x', -34.6, -58.4, 9, 9, 1000, false)"
STRANGER = """INSERT INTO bytes_desconocidos (receptor, protocolo, origen, datos, candidatos)
              VALUES ('Automatic TCP', 'TCP', '192.0.2.9', 'SSH-2.0', '[{"protocolo": "gt06", "puntaje": 0.2}]') RETURNING id"""
ROUTES = [
    ("GET", "/api/cuarentena/"),
    ("GET", "/api/cuarentena/bytes"),
    ("GET", "/api/cuarentena/uno/mensajes"),
    ("POST", "/api/cuarentena/uno/adoptar"),
    ("DELETE", "/api/cuarentena/uno"),
]


class QuarantineTest(WebTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.rows(CAPTURED, "uno")
        self.bearer = f"Bearer {await self.log_in()}"

    async def test_devices(self) -> None:
        """Who reports without being entered is listed with its receiver, address, counts and place."""
        (device,) = (await self.ask("/api/cuarentena/", authorization=self.bearer)).json["cuarentena"]
        shown = {name: device[name] for name in ("imei", "protocolo", "receptor", "origen", "mensajes", "fixes", "ultimo_lat")}
        assert shown == {
            **{"imei": "uno", "protocolo": "lines", "receptor": "Lines TCP", "origen": "192.0.2.1:5000"},
            **{"mensajes": 1, "fixes": 1, "ultimo_lat": -34.6},
        }

    async def test_some_devices(self) -> None:
        """Who asks for few gets those seen last, and how many there are in all."""
        self.rows(CAPTURED, "dos")
        answer = (await self.ask("/api/cuarentena/?limite=1", authorization=self.bearer)).json
        assert ([device["imei"] for device in answer["cuarentena"]], answer["total"]) == (["dos"], 2)

    async def test_messages(self) -> None:
        """What it sent is there in hex; of nobody there is nothing."""
        (message,) = (await self.ask("/api/cuarentena/uno/mensajes", authorization=self.bearer)).json["mensajes"]
        assert (message["mensaje"], message["fixes"]) == ("726177", 1)
        assert (await self.ask("/api/cuarentena/dos/mensajes", authorization=self.bearer)).json == {"mensajes": []}

    async def test_adopt(self) -> None:
        """One call makes a vehicle of it."""
        body = {"patente": "AB 123 CD"}
        answer = await self.ask("/api/cuarentena/uno/adoptar", "POST", body, authorization=self.bearer)
        assert self.rows("SELECT id, imei, patente FROM moviles") == [(answer.json["movil_id"], "uno", "AB 123 CD")]

    async def test_any_name(self) -> None:
        """A device is found by its name, whatever it calls itself; a name that none can have is nobody's."""
        for name in ("a/b", "a/mensajes", "<b>ñ</b>", "?x=1#y", "a b%2f"):
            self.rows(CAPTURED, name)
            path = f"/api/cuarentena/{quote(name, safe='')}"
            assert len((await self.ask(f"{path}/mensajes", authorization=self.bearer)).json["mensajes"]) == 1, name
            assert (await self.ask(f"{path}/adoptar", "POST", {}, authorization=self.bearer)).json["imei"] == name
            assert (await self.ask(path, "DELETE", authorization=self.bearer)).status == 204, name
        for method, path in ROUTES[2:]:
            body: object = {} if method == "POST" else None
            answer = await self.ask(path.replace("uno", "%00"), method, body, authorization=self.bearer)
            assert answer.status == 404, path

    async def test_discard(self) -> None:
        """One call forgets it; a second one finds nobody."""
        answers = [await self.ask("/api/cuarentena/uno", "DELETE", authorization=self.bearer) for _ in range(2)]
        assert [answer.status for answer in answers] == [204, 404]
        assert self.rows("SELECT count(*) FROM cuarentena_mensajes") == [(0,)]

    async def test_strangers(self) -> None:
        """Bytes that nobody recognises are shown in hex, with whose they may be."""
        self.rows(STRANGER)
        (found,) = (await self.ask("/api/cuarentena/bytes", authorization=self.bearer)).json["bytes_desconocidos"]
        assert (bytes.fromhex(found["datos"]), found["candidatos"]) == (b"SSH-2.0", [{"protocolo": "gt06", "puntaje": 0.2}])
        few = await self.ask("/api/cuarentena/bytes?limite=0", authorization=self.bearer)
        assert (few.status, set(few.json)) == (400, {"error"})

    async def test_mistakes(self) -> None:
        """An adoption of nobody, a form, or a field that there is not, changes nothing and is told so."""
        path = "/api/cuarentena/{}/adoptar"
        for name, body, headers, status in [
            ("dos", {}, {}, 404),
            ("uno", {"plate": "X"}, {}, 400),
            ("uno", {"patente": "X" * 21}, {}, 400),
            ("uno", {"patente": "X\0"}, {}, 400),
            ("uno", b"patente=X", {"content_type": "application/x-www-form-urlencoded"}, 415),
        ]:
            answer = await self.ask(path.format(name), "POST", body, authorization=self.bearer, **headers)
            assert (answer.status, set(answer.json)) == (status, {"error"})
        assert self.rows("SELECT count(*) FROM moviles") == [(0,)]

    async def test_login_needed(self) -> None:
        """Who is not logged in learns nothing, and changes nothing."""
        for method, path in ROUTES:
            answer = await self.ask(path, method, {} if method == "POST" else None)
            assert (answer.status, set(answer.json)) == (401, {"error"}), path
        assert self.rows("SELECT mensajes FROM cuarentena") == [(1,)]
