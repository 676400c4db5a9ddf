"""The states of the devices in the table, and what the browsers are told."""

from __future__ import annotations

from twisted.internet.task import Clock

from tests.fakes import logged
from tests.postgres import DatabaseTest, connected, server, until
from tests.storage import at, parcel, vehicle
from waygps.pipeline.presence import GRACE, ROUND, Presence
from waygps.storage import presence as written
from waygps.storage.presence import COMPARING, PresenceService
from waygps.storage.writer import BatchWriter

STATES = "SELECT imei, estado_conexion FROM moviles ORDER BY imei"
SILENCE = 600


class Line:
    """A connection."""

    peer = "10.0.0.1:5000"

    def displaced(self, device: str) -> None:
        raise AssertionError("there is no other")


class PresenceServiceTest(DatabaseTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.bus, self.van = vehicle(self.url, "A1"), vehicle(self.url, "B2")
        self.upkeep = await self.session("upkeep")
        self.told: list[tuple[int, str]] = []
        self.begin()

    def begin(self) -> None:
        """A server starts: it knows nothing but what the table says."""
        self.clock = Clock()
        self.presence = Presence(SILENCE, seconds=self.clock.seconds)
        self.service = PresenceService(self.clock, self.upkeep, self.presence, lambda *state: self.told.append(state))

    async def beat(self, *heard: str, after: float = 0) -> list[tuple[int, str]]:
        """These devices were heard, and their states are written; what the browsers were told since the last time."""
        self.clock.advance(after)
        self.presence.heard.update(dict.fromkeys(heard, True))
        self.service.beat()
        await self.rest()
        told, self.told = self.told, []
        return told

    async def rest(self) -> None:
        """Wait for the end of the writing."""
        await until(lambda: self.service._writing is None, "the writing ends")

    async def compared(self) -> list[tuple[int, str]]:
        """The table is compared, and what differed is written."""
        self.service.compare()
        await self.beat()
        return await self.beat()

    def hang_up(self, name: str = "A1") -> None:
        """The device's connection ends."""
        line = Line()
        self.presence.claim(name, line)
        self.presence.release(name, line)

    def states(self) -> dict[str, str]:
        return dict(self.rows(STATES))

    def alter(self, sql: str) -> None:
        """Another program changes the database."""
        connection = connected(self.url)
        connection.cursor().execute(sql)
        connection.close()


class StatesTest(PresenceServiceTest):
    async def test_written_and_told(self) -> None:
        """Who is heard is conectado in the table and for the browsers, and desconectado when gone; each is told once."""
        untouched = self.rows("SELECT imei, ultima_actualizacion FROM moviles ORDER BY imei")
        assert await self.beat("A1", "B2") == [(self.bus.id, "conectado"), (self.van.id, "conectado")]
        assert self.states() == {"A1": "conectado", "B2": "conectado"}
        assert await self.beat("A1") == []
        self.hang_up()
        assert await self.beat(after=GRACE) == [(self.bus.id, "desconectado")]
        assert self.states() == {"A1": "desconectado", "B2": "conectado"}
        assert self.rows("SELECT imei, ultima_actualizacion FROM moviles ORDER BY imei") == untouched

    async def test_not_in_the_table(self) -> None:
        """A device whose row an operator deleted disturbs nobody, and is not tried again for ever."""
        assert await self.beat("Z9", "A1") == [(self.bus.id, "conectado")]
        assert self.service._waiting == {}

    async def test_batches(self) -> None:
        """Many states at once are written in several statements, a second apart, so that none of them is long."""
        self.patch(written, "BATCH", 1)
        assert len(await self.beat("A1", "B2")) == 1
        assert len(await self.beat()) == 1
        assert self.states() == {"A1": "conectado", "B2": "conectado"}

    async def test_row_in_use(self) -> None:
        """A row that another program holds is not waited for: the others are written, and it is when it is free."""
        await self.beat("A1", "B2")
        holder = connected(self.url)
        self.addCleanup(holder.close)
        holder.autocommit = False
        holder.cursor().execute("UPDATE moviles SET patente = 'X' WHERE imei = 'A1'")
        self.hang_up("A1")
        self.hang_up("B2")
        assert await self.beat(after=GRACE) == [(self.van.id, "desconectado")]
        holder.commit()
        assert await self.beat() == [(self.bus.id, "desconectado")]
        assert self.states() == {"A1": "desconectado", "B2": "desconectado"}

    async def test_away(self) -> None:
        """While PostgreSQL is away the newest state of each device waits, and is written when it is back."""
        await self.beat("A1", "B2")
        server().crash()
        await until(lambda: not self.upkeep.is_up, "the death is noticed")
        self.hang_up("A1")
        self.hang_up("B2")
        assert await self.beat(after=GRACE) == []
        assert await self.beat("B2", after=GRACE + 1) == []
        server().start()
        await until(lambda: self.upkeep.is_up, "the connection is back")
        assert dict(await self.beat()) == {self.bus.id: "desconectado", self.van.id: "conectado"}
        assert self.states() == {"A1": "desconectado", "B2": "conectado"}

    async def test_fault(self) -> None:
        """States that the database refuses are said in the log, and the next ones are written."""
        self.alter("ALTER TABLE moviles ADD CONSTRAINT nadie CHECK (estado_conexion <> 'conectado')")
        with logged() as lines:
            assert await self.beat("A1") == []
        assert any("the states of 1 devices are not written" in line for line in lines)
        assert len(self.flushLoggedErrors()) == 1
        self.alter("ALTER TABLE moviles DROP CONSTRAINT nadie")
        assert await self.beat("B2") == [(self.van.id, "conectado")]


class RunsTest(PresenceServiceTest):
    async def test_restart(self) -> None:
        """A restart shows nobody as gone; who has not reported when the silence is over is, and nobody else."""
        await self.beat("A1", "B2")
        self.begin()
        assert await self.beat() == []
        assert await self.beat("A1", after=SILENCE) == []
        assert self.states() == {"A1": "conectado", "B2": "conectado"}
        told = [state for _ in range(ROUND) for state in await self.beat("A1", after=1)]
        assert told == [(self.van.id, "desconectado")]
        assert self.states() == {"A1": "conectado", "B2": "desconectado"}

    async def test_start_without_database(self) -> None:
        """A server that starts while PostgreSQL is away takes the states over when it comes."""
        await self.beat("A1", "B2")
        self.begin()
        server().crash()
        await until(lambda: not self.upkeep.is_up, "the death is noticed")
        assert await self.beat("A1") == []
        server().start()
        await until(lambda: self.upkeep.is_up, "the connection is back")
        assert await self.beat() == [(self.bus.id, "conectado")]
        told = [state for _ in range(ROUND + 1) for state in await self.beat("A1", after=SILENCE / ROUND + 1)]
        assert told == [(self.van.id, "desconectado")]

    async def test_stop(self) -> None:
        """A stop marks nobody, although all connections end with it."""
        self.service.startService()
        await self.rest()
        self.presence.claim("A1", line := Line())
        self.presence.heard["A1"] = True
        self.clock.advance(1)
        await self.rest()
        self.service.stopService()
        self.presence.release("A1", line)
        self.clock.advance(GRACE + 2)
        await self.rest()
        assert self.states()["A1"] == "conectado"
        assert self.clock.getDelayedCalls() == []

    async def test_by_itself(self) -> None:
        """While it runs the states are written once a second, and the table compared once a minute."""
        self.service.startService()
        self.addCleanup(self.service.stopService)
        await self.rest()
        self.presence.heard["A1"] = True
        self.hang_up()
        for _ in range(GRACE + 2):
            self.clock.advance(1)
            await self.rest()
        assert self.told == [(self.bus.id, "conectado"), (self.bus.id, "desconectado")]
        self.alter("UPDATE moviles SET estado_conexion = 'conectado'")
        for _ in range(COMPARING):
            self.clock.advance(1)
            await self.rest()
        assert self.states() == {"A1": "desconectado", "B2": "conectado"}


class SeveralProcessesTest(PresenceServiceTest):
    def begin(self) -> None:
        super().begin()
        tell = self.told.append
        self.service = PresenceService(self.clock, self.upkeep, self.presence, lambda *state: tell(state), silence=SILENCE)

    async def restarted(self, minutes: int) -> list[tuple[object, ...]]:
        """The states after a restarted process heard of nobody for longer than the silence; the store wrote so long ago."""
        long_ago = "ultima_actualizacion = now() - %s * interval '1 minute'"
        self.rows(f"UPDATE moviles SET estado_conexion = 'conectado', {long_ago}", minutes)
        await self.beat()
        for _ in range(2 * ROUND):
            await self.beat(after=SILENCE / 30)
        await self.compared()
        return self.rows(STATES)

    async def test_connected_to_another_process(self) -> None:
        """A process that was started again shows no device as gone that reports to another one."""
        assert await self.restarted(minutes=1) == [("A1", "conectado"), ("B2", "conectado")]

    async def test_connected_to_none(self) -> None:
        """A device that reports to no process is gone, whichever process knew it."""
        assert await self.restarted(minutes=11) == [("A1", "desconectado"), ("B2", "desconectado")]


class ComparedTest(PresenceServiceTest):
    async def test_from_the_spool(self) -> None:
        """A fix that is stored when its device is gone again, as from the spool, does not leave it conectado in the table."""
        await self.beat("A1")
        self.hang_up()
        await self.beat(after=GRACE)
        await BatchWriter(await self.session("writer")).write(parcel(self.bus, at(self.bus)))
        assert self.states()["A1"] == "conectado"
        assert await self.compared() == [(self.bus.id, "desconectado")]
        assert self.states()["A1"] == "desconectado"

    async def test_nothing_differs(self) -> None:
        """While the table says what is known nothing is written or told, whoever else is in the table."""
        await self.beat("A1")
        self.hang_up()
        await self.beat(after=GRACE)
        self.alter("UPDATE moviles SET estado_conexion = 'conectado' WHERE imei = 'B2'")
        assert await self.compared() == []
        assert self.states() == {"A1": "desconectado", "B2": "conectado"}

    async def test_connected_meanwhile(self) -> None:
        """A device that comes between the comparison and the writing is not set back."""
        await self.beat("A1")
        self.hang_up()
        await self.beat(after=GRACE)
        self.alter("UPDATE moviles SET estado_conexion = 'conectado'")
        self.service.compare()
        await self.beat()
        assert await self.beat("A1", after=100) == [(self.bus.id, "conectado")]
        assert self.states()["A1"] == "conectado"
