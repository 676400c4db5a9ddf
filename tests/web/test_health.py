"""What monitoring, a load balancer or a person reads at /api/health, and when it is an alarm."""

from __future__ import annotations

import socket
from typing import Any

from tests.fakes import FakeSessions, LineDecoder, logged
from tests.postgres import clock, server, until
from tests.storage import HEAVY, at, outcome_of, parcel, vehicle
from tests.web.serving import Answer, WebTest
from waygps.ingest.receivers import ReceiverService
from waygps.ports import Listener
from waygps.storage.receivers import Receiver
from waygps.vendor import Vendor

EMPTY = {"fixes": 0, "antiguedad_s": 0.0, "lleno": False}
BRIEF = {"estado": "ok", "base_de_datos": "ok", "spool": EMPTY, "version": "9.9"}


class HealthTest(WebTest):
    most_mb = 1

    async def state(self) -> tuple[int, str, str]:
        """Status, state of the server and state of the database, as anybody sees them."""
        answer = await self.ask("/api/health")
        assert set(answer.json) == set(BRIEF)
        return answer.status, answer.json["estado"], answer.json["base_de_datos"]

    async def details(self) -> Answer:
        """What somebody who is logged in sees."""
        return await self.ask("/api/health", authorization=f"Bearer {await self.log_in()}")

    async def crash(self) -> None:
        server().crash()
        await until(lambda: not self.database.is_up, "the death is noticed")

    async def back(self) -> None:
        server().start()
        await until(lambda: self.database.is_up and not self.store.is_away and not self.spool.fixes, "all is well again")

    def fill(self) -> list[list[object]]:
        """More than the spool takes; gives what became of each parcel."""
        parcels = [parcel(self.bus, at(self.bus, second, attributes=HEAVY)) for second in range(12)]
        return [outcome_of(self.store.write(each)) for each in parcels]

    async def test_well(self) -> None:
        """Health is for everybody, with few words; who is logged in sees the receivers, the clients and what is held too."""
        answer = await self.ask("/api/health")
        assert (answer.status, answer.json) == (200, BRIEF)
        self.valve.take(3)
        assert (await self.details()).json == {
            **BRIEF,
            "fixes_pendientes": 3,
            "lectura_pausada": False,
            "clientes_websocket": 0,
            "receptores": [],
        }

    async def test_reading_paused(self) -> None:
        """Who is logged in sees that devices are not read, and the clients that watch."""
        token = await self.log_in()
        await self.watch(token)
        self.valve.take(10)
        shown = (await self.details()).json
        assert (shown["fixes_pendientes"], shown["lectura_pausada"], shown["clientes_websocket"]) == (10, True, 1)

    async def test_database_away(self) -> None:
        """With PostgreSQL gone devices are still answered: 200 and degradado, with what the spool holds, until it is back."""
        bus = vehicle(self.url)
        await self.crash()
        assert await self.state() == (200, "degradado", "error")
        await self.store.write(parcel(bus, *[at(bus, second) for second in range(3)]))
        spool = (await self.ask("/api/health")).json["spool"]
        assert (spool["fixes"], spool["lleno"]) == (3, False)
        assert spool["antiguedad_s"] >= 0
        await self.back()
        answer = await self.ask("/api/health")
        assert (answer.status, answer.json) == (200, BRIEF)

    async def test_login_while_away(self) -> None:
        """With PostgreSQL gone nobody's login can be checked: everybody gets the few words, and no error."""
        token = await self.log_in()
        await self.crash()
        answer = await self.ask("/api/health", authorization=f"Bearer {token}")
        assert (answer.status, set(answer.json)) == (200, set(BRIEF))

    async def test_spool_full(self) -> None:
        """With PostgreSQL gone and the spool full nothing can be stored: 503 and error, and 200 again when it is back."""
        self.bus = vehicle(self.url)
        await self.crash()
        with logged() as lines:
            outcomes = self.fill()
            await until(lambda: self.spool.is_full, "the spool is full")
            assert await self.state() == (503, "error", "error")
            assert (await self.ask("/api/health")).json["spool"]["lleno"] is True
        assert [] in outcomes
        assert any("nothing is acknowledged" in line for line in lines)
        await self.back()
        await until(lambda: all(outcomes), "everything is acknowledged")
        assert await self.state() == (200, "ok", "ok")
        assert self.rows("SELECT count(*) FROM posiciones_historicas") == [(12,)]

    async def test_port_taken(self) -> None:
        """A receiver whose port another program has makes it degradado, and who is logged in sees which and why."""
        other = socket.socket()
        self.addCleanup(other.close)
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        vendor = Vendor(name="lines", title="Lines", port=1, decoder=lambda transport, device: LineDecoder())
        service = ReceiverService(
            Listener(clock, "127.0.0.1"), Receiver(1, "Lines", "lines", number, "TCP"), vendor, FakeSessions()
        )
        with logged():
            service.startService()
        self.receivers.append(service)
        assert await self.state() == (200, "degradado", "ok")
        (shown,) = (await self.details()).json["receptores"]
        error = f"receiver Lines: TCP port {number}: Address already in use"
        expected: dict[str, Any] = {"nombre": "Lines", "tipo": "lines", "protocolo": "TCP", "puerto": number}
        assert shown == {**expected, "abierto": False, "error": error}
