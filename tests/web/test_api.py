"""REST as a browser or a program meets it."""

from __future__ import annotations

from typing import Any

from tests.postgres import clock, server, until
from tests.storage import at, parcel, vehicle
from tests.web.serving import LOGIN, Answer, WebTest
from waygps.storage.session import Session
from waygps.storage.writer import BatchWriter

HUGE = "9" * 5000


class RouteTest(WebTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.bus = vehicle(self.url, "356307042441013", "AB 123 CD")
        session = await self.started(Session(clock, self.url, "escritor"))
        await BatchWriter(session).write(parcel(self.bus, *[at(self.bus, second * 10) for second in range(4)]))
        self.token = await self.log_in()

    async def get(self, path: str) -> Answer:
        """GET as ana."""
        return await self.ask(path, authorization=f"Bearer {self.token}")

    async def seconds(self, query: str) -> list[int]:
        """The seconds of the positions that this query gives."""
        answer = await self.get(f"/api/moviles/{self.bus.id}/posiciones?{query}")
        assert answer.status == 200, answer
        return [int(each["fecha_gps"][17:19]) for each in answer.json["posiciones"]]

    async def test_routes(self) -> None:
        """Every route answers with cookie, Bearer and ?token= alike, and tells nothing without a login."""
        ways: list[tuple[str, dict[str, str]]] = [
            ("", {"cookie": f"other=1; waygps_session={self.token}"}),
            ("", {"authorization": f"Bearer {self.token}"}),
            (f"?token={self.token}", {}),
        ]
        shapes: dict[str, set[str]] = {
            "/api/moviles": {"moviles"},
            f"/api/moviles/{self.bus.id}": {"id", "imei", "patente", "ultimo_lat", "ultimo_lon", "fecha_gps"},
            f"/api/moviles/{self.bus.id}/posiciones": {"posiciones"},
            "/api/config": {"version", "usuario", "tiles"},
        }
        for path, keys in shapes.items():
            for query, headers in ways:
                answer = await self.ask(path + query, **headers)
                assert answer.status == 200, (path, headers)
                assert keys <= set(answer.json), path
            for query, headers in (("", {}), ("?token=x", {}), ("", {"cookie": "waygps_session="})):
                answer = await self.ask(path + query, **headers)
                assert (answer.status, set(answer.json)) == (401, {"error"}), path

    async def test_vehicles(self) -> None:
        """The list has every vehicle, with the same fields as the vehicle alone."""
        (shown,) = (await self.get("/api/moviles")).json["moviles"]
        assert shown["patente"] == "AB 123 CD"
        assert (await self.get(f"/api/moviles/{self.bus.id}")).json == shown

    async def test_unknown_vehicle(self) -> None:
        """A vehicle that is not there, however odd its number, is a 404 in JSON."""
        for number in ("0", "999", str(2**31), str(2**64), "abc", "-1", "1.5", "1%2F2"):
            for path in (f"/api/moviles/{number}", f"/api/moviles/{number}/posiciones"):
                answer = await self.get(path)
                assert (answer.status, set(answer.json)) == (404, {"error"}), path

    async def test_huge_number(self) -> None:
        """A number of thousands of digits is a 404, and no error of the server."""
        answer = await self.get(f"/api/moviles/{HUGE}")
        assert (answer.status, set(answer.json)) == (404, {"error"})

    async def test_span(self) -> None:
        """Positions are chosen by desde and hasta, in any time zone, and limited to the newest; no zone means UTC."""
        assert await self.seconds("hasta=2026-11-24T12:01:00Z") == [0, 10, 20, 30]
        assert await self.seconds("desde=2026-11-24T12:00:10Z&hasta=2026-11-24T12:00:20Z") == [10, 20]
        assert await self.seconds("desde=2026-11-24T09:00:10-03:00&hasta=2026-11-24T12:00:20") == [10, 20]
        assert await self.seconds("desde=2026-11-24T15:00:20%2B03:00&hasta=2026-11-24T15:00:20+03:00") == [20]
        assert await self.seconds("desde=2026-11-24&hasta=2026-11-25&limite=2") == [20, 30]
        assert await self.seconds("hasta=2026-11-25T12:00:20Z") == [20, 30]
        assert await self.seconds("desde=2026-11-25&hasta=2026-11-24") == []
        assert await self.seconds("desde=0001-01-01&hasta=9999-12-31T23:59:59-12:00") == [0, 10, 20, 30]

    async def test_bad_span(self) -> None:
        """A time or a number that cannot be one is named in the answer, with what is allowed."""
        for query in (
            "desde=ayer",
            "hasta=2026-13-01",
            "desde=2026-11-24T25:00",
            "hasta=",
            "desde=%00",
            "desde=%C3%B1",
            "desde=1e9",
        ):
            await self.refused(query, "is not a time such as 2026-11-24T07:30:00Z")
        for query in (
            "limite=0",
            "limite=-1",
            "limite=10001",
            "limite=x",
            "limite=1.5",
            "limite=%D9%A3",
            "limite=",
            f"limite={HUGE}",
        ):
            await self.refused(query, "is not a number from 1 to 10000")

    async def test_span_at_the_beginning_of_time(self) -> None:
        """The first day of the calendar as the end of a span gives no positions, and no error."""
        assert await self.seconds("hasta=0001-01-01") == []

    async def refused(self, query: str, text: str) -> None:
        """The query is refused with this text, which names the parameter."""
        answer = await self.get(f"/api/moviles/{self.bus.id}/posiciones?{query}")
        assert answer.status == 400, query
        assert text in answer.json["error"], query
        assert answer.json["error"].startswith(query.split("=")[0]), query

    async def test_errors_are_json(self) -> None:
        """A wrong method and an unknown path are answered in JSON, like everything below /api/."""
        wrong: list[tuple[str, str, int]] = [
            ("/api/login", "GET", 405),
            ("/api/logout", "GET", 405),
            ("/api/moviles", "DELETE", 405),
            (f"/api/moviles/{self.bus.id}", "POST", 405),
            ("/api/nada", "GET", 404),
            ("/api/", "GET", 404),
        ]
        for path, method, status in wrong:
            answer = await self.ask(path, method, authorization=f"Bearer {self.token}")
            assert (answer.status, set(answer.json)) == (status, {"error"}), (method, path)

    async def test_database_away(self) -> None:
        """While the database is away every other route says so, and when to try again."""
        server().crash()
        await until(lambda: not self.database.is_up, "the death is noticed")
        answers: list[Any] = [await self.get("/api/moviles"), await self.ask("/api/login", "POST", LOGIN)]
        for answer in answers:
            assert (answer.status, answer.header("retry-after")) == (503, "2")
            assert "database is out of reach" in answer.json["error"]
