"""What no vendor recognises, kept for the operator who wonders what it is."""

from __future__ import annotations

from twisted.internet.task import Clock

from tests.postgres import DatabaseTest, clock, server, until
from waygps.storage import strangers
from waygps.storage.session import Session
from waygps.storage.strangers import MOST_BYTES, MOST_WAITING, StrangersService

KEPT = "SELECT receptor, protocolo, origen, encode(datos, 'escape'), candidatos, veces FROM bytes_desconocidos ORDER BY origen"


class StrangersTest(DatabaseTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.upkeep = await self.started(Session(clock, self.url, "upkeep"))
        self.service = StrangersService(Clock(), self.upkeep)

    def note(self, peer: str = "192.0.2.1:5000", data: bytes = b"SSH-2.0", receiver: str = "Todos") -> None:
        """Somebody sent this first."""
        self.service.note(receiver, peer, "tcp", data, {"gt06": 0.25, "h02": 0.1})

    async def written(self) -> None:
        """What waits is written."""
        self.service.beat()
        await until(lambda: self.service._writing is None, "it is written")

    async def test_kept(self) -> None:
        """An operator finds what came, where, from which host, how often, and whose it may be."""
        for port in (1, 2, 3):
            self.note(f"192.0.2.1:{port}", b"try %d" % port)
        await self.written()
        self.note("192.0.2.1:4", b"try 4")
        await self.written()
        candidates = [{"protocolo": "gt06", "puntaje": 0.25}, {"protocolo": "h02", "puntaje": 0.1}]
        assert self.rows(KEPT) == [("Todos", "TCP", "192.0.2.1", "try 4", candidates, 4)]

    async def test_bounds(self) -> None:
        """A scan of the ports from thousands of addresses fills neither the memory nor the table, and long bytes are cut."""
        self.patch(strangers, "MOST_ROWS", 5)
        for number in range(MOST_WAITING + 50):
            self.note(f"10.0.{number // 250}.{number % 250}:1", bytes(MOST_BYTES + 1))
        await self.written()
        assert self.rows("SELECT count(*), max(length(datos)) FROM bytes_desconocidos") == [(5, MOST_BYTES)]

    async def test_away(self) -> None:
        """What came while PostgreSQL was away is kept when it is back."""
        server().crash()
        await until(lambda: not self.upkeep.is_up, "the death is noticed")
        self.note()
        await self.written()
        server().start()
        await until(lambda: self.upkeep.is_up, "the connection is back")
        await self.written()
        assert [row[5] for row in self.rows(KEPT)] == [1]
