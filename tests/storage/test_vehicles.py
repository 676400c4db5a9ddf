"""The cache of vehicles against a real table of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults

from tests.postgres import DatabaseTest, Row, clock, server, until
from tests.storage import outcome_of, vehicle
from waygps.origin import Policy
from waygps.position import Vehicle
from waygps.storage.session import Session
from waygps.storage.vehicles import FIND, Vehicles

IMEI = "356307042441013"


class RecordingSession(Session):
    """A session that notes which identifications were looked up."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked: list[str] = []

    def query(self, sql: str, arguments: Sequence[Any] = ()) -> Deferred[list[Row]]:
        if sql == FIND:
            self.asked.append(arguments[0])
        return super().query(sql, arguments)


class VehiclesTest(DatabaseTest):
    async def vehicles(self, unknown: Policy = "registrar", most: int = 1000) -> Vehicles:
        """The vehicles of this database; ``unknown`` is the rule of the receiver that asks."""
        self.unknown = unknown
        self.recorded = RecordingSession(clock, self.url, "prueba")
        await self.started(self.recorded)
        vehicles = Vehicles(self.recorded, most=most)
        await vehicles.start()
        return vehicles

    async def found(self, vehicles: Vehicles, imei: str = IMEI) -> Vehicle | None:
        """The vehicle, asked for if need be."""
        result = vehicles.find(imei, self.unknown)
        return await result if isinstance(result, Deferred) else result

    async def test_new_device_is_registered(self) -> None:
        """A device that nobody entered gets a row in moviles with its first report, and one row only."""
        vehicles = await self.vehicles()
        first = await self.found(vehicles)
        assert await self.found(vehicles) == first
        assert first is not None
        assert self.rows("SELECT id, imei, patente, estado_conexion FROM moviles") == [(first.id, IMEI, None, "desconectado")]

    async def test_new_device_is_known_from_then_on(self) -> None:
        """A fleet that is new on this server is asked for once: a registration is no change that the server has to hear of."""
        vehicles = await self.vehicles()
        entered = [await self.found(vehicles, f"nuevo-{number}") for number in range(5)]
        asked = list(self.recorded.asked)
        self.rows("UPDATE moviles SET patente = 'AB 123 CD' WHERE imei = 'nuevo-0'")
        await until(
            lambda: isinstance(vehicles.find("nuevo-0", self.unknown), Deferred),
            "another program's change is heard, which came later",
        )
        assert [vehicles.find(f"nuevo-{number}", self.unknown) for number in range(1, 5)] == entered[1:]
        assert self.recorded.asked == [*asked, "nuevo-0"]

    async def test_new_device_is_refused(self) -> None:
        """Where only entered vehicles may report, an unknown device stays unknown, without a question for each of its tries."""
        vehicles = await self.vehicles("rechazar")
        for _ in range(3):
            assert await self.found(vehicles) is None
        assert self.recorded.asked == [IMEI]
        assert self.rows("SELECT count(*) FROM moviles") == [(0,)]

    async def test_full_table(self) -> None:
        """Devices that pretend ever new identifications fill moviles up to its bound, and no further."""
        vehicles = await self.vehicles(most=3)
        found = [await self.found(vehicles, f"invento-{number}") for number in range(5)]
        assert [each is not None for each in found] == [True, True, True, False, False]
        assert self.rows("SELECT count(*) FROM moviles") == [(3,)]
        assert await self.found(vehicles, "invento-0") == found[0]

    async def test_changed_identification(self) -> None:
        """When a vehicle gets another device, the old device no longer moves it, and the new one does."""
        known = vehicle(self.url, "viejo")
        vehicles = await self.vehicles("rechazar")
        assert await self.found(vehicles, "nuevo") is None
        self.rows("UPDATE moviles SET imei = 'nuevo'")
        await until(lambda: vehicles.find("nuevo", self.unknown) is not None, "the change is heard")
        found = await self.found(vehicles, "nuevo")
        assert found is not None
        assert found.id == known.id
        assert await self.found(vehicles, "viejo") is None

    async def test_known_vehicles_are_read_at_the_start(self) -> None:
        """The first reports after a start need no look-up each."""
        known = vehicle(self.url, IMEI, "AB123CD")
        vehicles = await self.vehicles()
        assert vehicles.find(IMEI, self.unknown) == known
        assert self.recorded.asked == []

    async def test_one_question_for_many(self) -> None:
        """A hundred reports of one new device at the same time ask the database once, and all get the same vehicle."""
        vehicles = await self.vehicles("rechazar")
        known = vehicle(self.url, IMEI)
        await self.settled(vehicles)
        finds = [vehicles.find(IMEI, self.unknown) for _ in range(100)]
        waiting = [find for find in finds if isinstance(find, Deferred)]
        assert len(waiting) == 100
        assert await gatherResults(waiting) == [known] * 100
        assert self.recorded.asked.count(IMEI) == 1

    async def test_changed_plate(self) -> None:
        """A plate that the operator corrects is shown with the next report."""
        vehicle(self.url, IMEI, "VIEJA")
        vehicles = await self.vehicles()
        self.rows("UPDATE moviles SET patente = 'NUEVA'")
        await until(lambda: isinstance(vehicles.find(IMEI, self.unknown), Deferred), "the change is heard")
        found = await self.found(vehicles)
        assert found is not None
        assert found.patente == "NUEVA"

    async def test_inserted_vehicle(self) -> None:
        """A device that was refused is accepted as soon as the operator enters it."""
        vehicles = await self.vehicles("rechazar")
        assert await self.found(vehicles) is None
        known = vehicle(self.url, IMEI)
        await until(lambda: vehicles.find(IMEI, self.unknown) is not None, "the insertion is heard")
        assert await self.found(vehicles) == known

    async def test_deleted_vehicle(self) -> None:
        """A device whose vehicle the operator deletes is refused from then on."""
        vehicle(self.url, IMEI)
        vehicles = await self.vehicles("rechazar")
        self.rows("DELETE FROM moviles")
        await until(lambda: isinstance(vehicles.find(IMEI, self.unknown), Deferred), "the deletion is heard")
        assert await self.found(vehicles) is None

    async def test_reports_cause_no_notices(self) -> None:
        """The position updates of a whole fleet do not make the cache forget anything."""
        known = vehicle(self.url, IMEI)
        vehicles = await self.vehicles()
        self.rows("UPDATE moviles SET ultimo_lat = 1, fecha_gps = now()")
        await self.settled(vehicles)
        assert vehicles.find(IMEI, self.unknown) == known

    async def test_change_while_away(self) -> None:
        """A plate corrected while the connection was lost is noticed all the same."""
        known = vehicle(self.url, IMEI, "VIEJA")
        vehicles = await self.vehicles()
        server().crash()
        await until(lambda: not self.recorded.is_up, "the death is noticed")
        server().start()
        self.rows("UPDATE moviles SET patente = 'NUEVA'")
        await until(lambda: self.recorded.is_up, "the connection is back")
        await until(lambda: vehicles.find(IMEI, self.unknown) == replace(known, patente="NUEVA"), "all is read again")

    async def test_new_device_while_away(self) -> None:
        """A device that connects for the first time while PostgreSQL is away has no number yet, and gets one afterwards."""
        vehicles = await self.vehicles()
        server().crash()
        await until(lambda: not self.recorded.is_up, "the death is noticed")
        assert vehicles.find(IMEI, self.unknown) == Vehicle(0, IMEI, None)
        server().start()
        await until(lambda: self.recorded.is_up, "the connection is back")
        found = await self.found(vehicles)
        assert found is not None
        assert self.rows("SELECT id, imei FROM moviles") == [(found.id, IMEI)]

    async def test_new_device_waits_to_be_refused(self) -> None:
        """Where only entered vehicles may report, a device waits until PostgreSQL can say whether it is one."""
        vehicles = await self.vehicles("rechazar")
        server().crash()
        await until(lambda: not self.recorded.is_up, "the death is noticed")
        waiting = vehicles.find(IMEI, self.unknown)
        assert isinstance(waiting, Deferred)
        outcome = outcome_of(waiting)
        server().start()
        await until(lambda: outcome, "PostgreSQL is asked")
        assert outcome == [None]

    async def test_known_while_away(self) -> None:
        """The vehicles of the fleet are known however often PostgreSQL dies, without a question."""
        known = vehicle(self.url, IMEI)
        vehicles = await self.vehicles()
        for _ in range(3):
            server().crash()
            await until(lambda: not self.recorded.is_up, "the death is noticed")
            assert vehicles.find(IMEI, self.unknown) == known
            server().start()
            await until(lambda: self.recorded.is_up, "the connection is back")
            assert vehicles.find(IMEI, self.unknown) == known

    async def test_identify_waits(self) -> None:
        """What asks patiently for a new device gets its number when PostgreSQL is back, and not before."""
        vehicles = await self.vehicles()
        server().crash()
        await until(lambda: not self.recorded.is_up, "the death is noticed")
        outcome = outcome_of(ensureDeferred(vehicles.identify(IMEI, self.unknown)))
        assert outcome == []
        server().start()
        await until(lambda: outcome, "the device is registered")
        ((number,),) = self.rows("SELECT id FROM moviles")
        assert outcome == [Vehicle(number, IMEI, None)]

    async def test_bound(self) -> None:
        """Of a fleet larger than the cache the vehicles that reported last are kept, and every one is still found."""
        known = [vehicle(self.url, f"35630704244{number:04}") for number in range(6)]
        vehicles = await self.vehicles(most=4)
        assert [vehicles.find(each.imei, self.unknown) for each in known[2:]] == known[2:]
        assert await self.found(vehicles, known[0].imei) == known[0]
        finds = {each.imei: vehicles.find(each.imei, self.unknown) for each in known}
        await gatherResults([find for find in finds.values() if isinstance(find, Deferred)])
        cached = [each for each in known if not isinstance(finds[each.imei], Deferred)]
        assert len(cached) <= 4
        assert known[5] in cached, "the vehicle that reported last was forgotten first"

    async def settled(self, vehicles: Vehicles) -> None:
        """Everything that was notified before is heard: a notice sent after it has arrived."""
        self.rows("INSERT INTO moviles (imei) VALUES ('testigo')")
        await until(lambda: not isinstance(vehicles.find("testigo", self.unknown), Deferred), "the witness is known")
        self.rows("DELETE FROM moviles WHERE imei = 'testigo'")
        await until(lambda: isinstance(vehicles.find("testigo", self.unknown), Deferred), "the witness is gone")
        await self.found(vehicles, "testigo")
