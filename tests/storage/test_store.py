"""The store while PostgreSQL comes and goes: what is acknowledged is durable, and in the history once."""

from __future__ import annotations

from tests.fakes import logged
from tests.postgres import clock, pause, server, until
from tests.storage import NOON, vehicle
from tests.storage.storing import IMEI, StoreCase
from waygps.position import Stored, Vehicle

PLACE = "SELECT extract(epoch FROM fecha_gps) * 1000 FROM moviles WHERE id = %s"


class StoreTest(StoreCase):
    async def test_in_reach(self) -> None:
        """While PostgreSQL works, reports go there and nowhere else, and nobody is alarmed."""
        outcomes = [self.write(second) for second in range(5)]
        await until(lambda: all(outcomes), "everything is acknowledged")
        assert self.history() == list(range(5))
        assert (self.spool.fixes, self.alerts) == (0, [])
        assert self.store.spooled() == {"fixes": 0, "antiguedad_s": 0.0, "lleno": False}

    async def test_crash(self) -> None:
        """Reports are acknowledged while PostgreSQL is gone, and are in the history, in order and once, when it is back."""
        await self.crash()
        await self.spooled(range(40))
        assert self.store.is_away
        assert self.store.spooled()["fixes"] == 40
        server().start()
        await self.drained()
        assert self.history() == list(range(40))
        assert self.alerts == ["base_de_datos_fuera", "base_de_datos_de_vuelta"]

    async def test_crash_under_way(self) -> None:
        """Reports that were on their way when PostgreSQL died are acknowledged, and in the history once."""
        outcomes = [self.write(second) for second in range(300)]
        await until(lambda: outcomes[0], "the first is stored, the next are on their way")
        server().crash()
        await until(lambda: all(outcomes), "everything is acknowledged")
        assert {type(outcome) for (outcome,) in outcomes} == {Stored}
        server().start()
        await self.drained()
        assert sorted(self.history()) == list(range(300))

    async def test_crash_at_once(self) -> None:
        """Reports handed over in the very turn in which PostgreSQL dies: the same, and no dead socket stays watched."""
        outcomes = [self.write(second) for second in range(300)]
        server().crash()
        await until(lambda: all(outcomes), "everything is acknowledged")
        assert all(watched.fileno() >= 0 for watched in clock.getReaders())
        server().start()
        await self.drained()
        assert sorted(self.history()) == list(range(300))

    async def test_several_crashes(self) -> None:
        """However often PostgreSQL dies, also while the spool drains, nothing is lost and nothing is double."""
        for number in range(3):
            await self.crash()
            await self.spooled(range(number * 700, number * 700 + 700))
            server().start()
            await until(lambda: self.writing.is_up and self.asking.is_up, "the connections are back")
        await self.drained()
        assert sorted(self.history()) == list(range(2100))

    async def test_live_reports_beside_the_spool(self) -> None:
        """While a long spool drains live reports go to PostgreSQL at once, and the vehicle on the map never goes back."""
        await self.crash()
        await self.spooled(range(2000))
        server().start()
        await until(lambda: not self.store.is_away, "the first from the spool are stored")
        live = self.write(9000)
        await until(lambda: live, "the live report is acknowledged")
        assert self.spool.fixes > 0
        assert 9000 in self.history()
        await self.drained()
        assert sorted(self.history()) == [*range(2000), 9000]
        assert self.rows(PLACE, self.bus.id) == [(NOON + 9_000_000,)]

    async def test_device_that_nobody_entered(self) -> None:
        """A device that reports for the first time while PostgreSQL is away is registered later, and loses nothing."""
        await self.crash()
        new = self.vehicles.find(IMEI, self.unknown)
        assert new == Vehicle(0, IMEI, None)
        await self.spooled(range(3), Vehicle(0, IMEI, None))
        server().start()
        await self.drained()
        ((number,),) = self.rows("SELECT id FROM moviles WHERE imei = %s", IMEI)
        assert self.rows("SELECT DISTINCT movil_id FROM posiciones_historicas") == [(number,)]
        assert self.history() == [0, 1, 2]

    async def test_alerts(self) -> None:
        """Operators are told once that PostgreSQL went and once that it came, however many reports meet the change."""
        for _ in range(2):
            await self.crash()
            await self.spooled(range(20))
            await pause(0.3)
            server().start()
            await self.drained()
        assert self.alerts == ["base_de_datos_fuera", "base_de_datos_de_vuelta"] * 2

    async def test_restart(self) -> None:
        """A server that is restarted with a spool drains it, and says how much there is."""
        await self.crash()
        await self.spooled(range(30))
        self.stop()
        server().start()
        with logged() as lines:
            await self.again()
        assert "30 fixes of an earlier run are in the spool" in lines
        await self.drained()
        assert self.history() == list(range(30))

    async def test_stop_while_draining(self) -> None:
        """A server stopped in the middle of draining says nothing of lost fixes, and the next one goes on."""
        await self.crash()
        await self.spooled(range(1500))
        server().start()
        await until(lambda: not self.store.is_away, "the first from the spool are stored")
        with logged() as lines:
            self.stop()
            await pause(0.3)
        assert [line for line in lines if "unreadable" in line or "cannot be stored" in line] == []
        await self.again()
        await self.drained()
        assert sorted(self.history()) == list(range(1500))

    async def test_stop_with_reports_waiting(self) -> None:
        """A report that neither PostgreSQL nor the spool has at the stop is never acknowledged, and no alarm is raised."""
        self.stop()
        with logged() as lines:
            outcome = self.write()
            await pause(0.1)
        assert outcome == []
        assert (self.alerts, [line for line in lines if "nothing is acknowledged" in line]) == ([], [])


class DeletedVehicleTest(StoreCase):
    unknown = "rechazar"

    async def test_vehicle_deleted_meanwhile(self) -> None:
        """Fixes of a vehicle that an operator deleted while they were in the spool are kept apart with the reason."""
        await self.crash()
        await self.spooled(range(2))
        self.stop()
        server().start()
        self.rows("DELETE FROM moviles")
        await self.again()
        await self.drained()
        assert self.history() == []
        found = self.rows("SELECT imei, motivo, mensaje, fix ->> 'lat' FROM posiciones_rechazadas")
        reason = f"device {self.bus.imei} is not in the table moviles any more"
        assert [(imei, motive, bytes(raw), lat) for imei, motive, raw, lat in found] == [
            (self.bus.imei, reason, b"raw", "-34.603722")
        ] * 2

    async def test_vehicle_with_another_number(self) -> None:
        """Fixes of a device that was entered anew while they were in the spool belong to the vehicle that it has now."""
        await self.crash()
        await self.spooled(range(2))
        self.stop()
        server().start()
        self.rows("DELETE FROM moviles")
        anew = vehicle(self.url, self.bus.imei, "NUEVA")
        await self.again()
        await self.drained()
        assert self.rows("SELECT DISTINCT movil_id FROM posiciones_historicas") == [(anew.id,)]
