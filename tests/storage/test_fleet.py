"""What the web shows of the vehicles and their history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.postgres import DatabaseTest
from tests.storage import at, parcel, vehicle
from waygps.storage.fleet import Fleet
from waygps.storage.writer import BatchWriter

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVER = timedelta(days=3650)


class FleetTest(DatabaseTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        session = await self.session()
        self.fleet = Fleet(session)
        self.writer = BatchWriter(session)

    async def positions(self, number: int, since: datetime = NOON - EVER, until: datetime = NOON, most: int = 100) -> list[Any]:
        """The vehicle's positions."""
        found: list[Any] = json.loads(await self.fleet.positions(number, since, until, most))
        return found

    async def test_no_vehicles(self) -> None:
        """An empty fleet is an empty list, and a vehicle that is not there is nothing."""
        assert json.loads(await self.fleet.vehicles()) == []
        assert await self.fleet.vehicle(1) is None

    async def test_vehicle(self) -> None:
        """A vehicle is shown with the names of the table and those that the pages read, numbers as numbers, times in UTC."""
        bus = vehicle(self.url, "356307042441013", "AB 123 CD")
        await self.writer.write(
            parcel(bus, at(bus, 0.5, speed_kmh=45.5, course_deg=90, satellites=7, battery_pct=80, ignition=True))
        )
        shown = json.loads(str(await self.fleet.vehicle(bus.id)))
        assert json.loads(await self.fleet.vehicles()) == [shown]
        assert shown.pop("ultima_actualizacion").endswith("Z")
        assert shown == {
            "id": bus.id,
            "imei": "356307042441013",
            "patente": "AB 123 CD",
            "ultimo_lat": -34.603722,
            "ultimo_lon": -58.381592,
            "ultima_velocidad_kmh": 45.5,
            "velocidad": 45.5,
            "ultimo_rumbo": 90,
            "rumbo": 90,
            "ignicion": True,
            "bateria_porcentaje": 80,
            "bateria": 80,
            "calidad_senal": 7,
            "fecha_gps": "2026-11-24T12:00:00.500Z",
            "fecha_recepcion": "2026-11-24T12:00:02.500Z",
            "estado_conexion": "conectado",
        }

    async def test_vehicle_that_never_reported(self) -> None:
        """A vehicle without a report is in the list, with nulls."""
        bus = vehicle(self.url)
        shown = json.loads(str(await self.fleet.vehicle(bus.id)))
        assert (shown["ultimo_lat"], shown["fecha_gps"], shown["estado_conexion"]) == (None, None, "desconectado")

    async def test_vehicles_keep_their_order(self) -> None:
        """The list does not jump about when vehicles report."""
        fleet = [vehicle(self.url, str(number)) for number in range(1, 6)]
        await self.writer.write(parcel(fleet[2], at(fleet[2]), at(fleet[0])))
        assert [each["id"] for each in json.loads(await self.fleet.vehicles())] == [each.id for each in fleet]

    async def test_position(self) -> None:
        """A position is shown with the names of the history, and what has no column beside them."""
        bus = vehicle(self.url)
        await self.writer.write(parcel(bus, at(bus, -1, altitude_m=25, hdop=0.9, odometer_km=10.25, attributes={"di1": 1})))
        (shown,) = await self.positions(bus.id)
        assert shown == {
            "latitud": -34.603722,
            "longitud": -58.381592,
            "altitud": 25,
            "velocidad": None,
            "rumbo": None,
            "satelites": None,
            "hdop": 0.9,
            "ignicion": False,
            "bateria": None,
            "odometro": 10.25,
            "fecha_gps": "2026-11-24T11:59:59.000Z",
            "fecha_recepcion": "2026-11-24T12:00:01.000Z",
            "calidad_datos": "buena",
            "raw_data": {"protocolo": "prueba", "atributos": {"di1": 1}},
        }

    async def test_span(self) -> None:
        """A span includes its first and its last instant, oldest first, and nothing of another vehicle."""
        bus, other = vehicle(self.url, "1"), vehicle(self.url, "2")
        await self.writer.write(parcel(bus, *[at(bus, second) for second in (30, 10, 20, 40)], at(other, 20)))
        first, last = NOON + timedelta(seconds=10), NOON + timedelta(seconds=30)
        found = await self.positions(bus.id, first, last)
        assert [shown["fecha_gps"][17:19] for shown in found] == ["10", "20", "30"]
        east = timezone(timedelta(hours=5))
        assert await self.positions(bus.id, first.astimezone(east), last.astimezone(east)) == found
        assert await self.positions(bus.id, last, first) == []

    async def test_limit(self) -> None:
        """Of more positions than asked for the newest are given, oldest of them first."""
        bus = vehicle(self.url)
        await self.writer.write(parcel(bus, *[at(bus, -second) for second in range(10)]))
        assert [shown["fecha_gps"][17:19] for shown in await self.positions(bus.id, most=3)] == ["58", "59", "00"]

    async def test_months(self) -> None:
        """A span over several months is read as one."""
        bus = vehicle(self.url)
        month = 31 * 86_400
        await self.writer.write(parcel(bus, *[at(bus, -month * months) for months in range(5)]))
        assert len(await self.positions(bus.id)) == 5
