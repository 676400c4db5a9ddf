"""Devices that nobody entered: what is kept of them, what that is bounded by, and what becomes of it."""

from __future__ import annotations

from twisted.internet.defer import DeferredList
from twisted.internet.task import Clock

from tests.fakes import NOON, a_fix, logged
from tests.postgres import clock, server, until
from tests.storage import at, outcome_of, parcel
from tests.storage.storing import IMEI, StoreCase
from waygps.config import Quarantine as Bounds
from waygps.errors import StoreUnavailable
from waygps.fix import Message
from waygps.origin import Origin
from waygps.pipeline.pipeline import ACCEPTED, Pipeline
from waygps.position import Parcel, Refused, Vehicle
from waygps.storage.adoption import AdoptionService
from waygps.storage.quarantine import AGAIN, Quarantine

NEW = Vehicle(0, IMEI, None)
OTHER = Vehicle(0, "otro", None)
LISTED = "SELECT imei, protocolo, receptor, origen, mensajes, fixes, sin_lugar FROM cuarentena ORDER BY imei"


class QuarantineCase(StoreCase):
    unknown = "cuarentena"

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.time = Clock()
        self.small = Quarantine(self.asking, Bounds(most_devices=2, most_messages=3), self.time.seconds)

    def login(self, of: Vehicle = NEW) -> Parcel:
        """A message that reports nothing."""
        return parcel(of, origin=Origin("lines", "Lines TCP", "cuarentena"))

    async def kept(self, *parcels: Parcel, into: Quarantine | None = None) -> list[str]:
        """What the quarantine says to each of these, which come together."""
        asked = [(into or self.small).keep(each) for each in parcels]
        return [answer for _, answer in await DeferredList(asked)]


class CaptureTest(QuarantineCase):
    async def test_unknown_device(self) -> None:
        """An operator sees who reports without being entered: which device, protocol, receiver and address, and how much."""
        with logged() as lines:
            assert await self.kept(self.parcel(0, NEW), self.parcel(1, NEW)) == ["", ""]
        assert self.rows(LISTED) == [(IMEI, "lines", "Lines TCP", "192.0.2.1:5000", 2, 2, 0)]
        assert self.rows("SELECT imei, fixes, mensaje = 'raw' FROM cuarentena_mensajes") == [(IMEI, 1, True)] * 2
        assert self.rows("SELECT ultimo_lat, ultimo_lon FROM cuarentena")[0][0] is not None
        assert [line for line in lines if "quarantine adopt" in line] == [
            f"lines device {IMEI} at 192.0.2.1:5000 is unknown: it is in quarantine. To accept it: waygps quarantine adopt {IMEI}"
        ]

    async def test_login_shows_the_device(self) -> None:
        """A device that only logged in is listed too; its heartbeats cost PostgreSQL one question a minute."""
        assert await self.kept(self.login(), self.login()) == ["", ""]
        self.rows("UPDATE cuarentena SET ultima_vez = '2020-01-01'")
        await self.kept(self.login())
        assert self.rows("SELECT extract(year FROM ultima_vez)::int, mensajes FROM cuarentena") == [(2020, 0)]
        self.time.advance(AGAIN)
        await self.kept(self.login())
        assert self.rows("SELECT extract(year FROM ultima_vez)::int > 2020 FROM cuarentena") == [(True,)]

    async def test_bound_of_a_device(self) -> None:
        """A device that nobody adopts is turned away when it has filled its share, so that it keeps its reports itself."""
        answers = await self.kept(*(self.parcel(second, NEW) for second in range(5)))
        assert answers == ["", "", "", *["the quarantine is full"] * 2]
        assert self.rows(LISTED)[0][4:] == (3, 3, 2)

    async def test_bound_of_devices(self) -> None:
        """Somebody who makes up device after device fills a bounded list, and those on it are served."""
        third = Vehicle(0, "tercero", None)
        assert await self.kept(self.login(NEW), self.login(OTHER)) == ["", ""]
        assert await self.kept(self.parcel(0, third), self.login(third)) == ["the quarantine has 2 devices already"] * 2
        assert await self.kept(self.parcel(0, OTHER)) == [""]

    async def test_bound_of_bytes(self) -> None:
        """Large reports count by their size."""
        quarantine = Quarantine(self.asking, Bounds(most_mb=1), self.time.seconds)
        large = parcel(NEW, at(NEW, 0), message=bytes(600_000))
        assert await self.kept(large, into=quarantine) == [""]
        assert await self.kept(large, into=quarantine) == ["the quarantine is full"]

    async def test_taken_over(self) -> None:
        """What is acknowledged already is kept whatever the bounds are."""
        await self.kept(*(self.parcel(second, NEW) for second in range(3)))
        assert await self.small.take_over(self.parcel(3, NEW)) == ""
        assert self.rows(LISTED)[0][4:] == (4, 4, 0)

    async def test_out_of_reach(self) -> None:
        """While PostgreSQL is away nobody is told that his report is kept."""
        await self.crash()
        outcome = outcome_of(self.small.keep(self.parcel(0, NEW)))
        await until(lambda: outcome, "an answer")
        assert isinstance(outcome[0], StoreUnavailable)


class AdoptionTest(QuarantineCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.told: list[tuple[str, int]] = []
        self.pipeline = Pipeline(
            self.vehicles,
            self.store,
            [lambda vehicle, positions: self.told.append((vehicle.imei, len(positions)))],
            quarantine=self.small,
        )
        self.adoption = AdoptionService(clock, self.asking, self.pipeline)
        self.adoption.startService()
        self.addCleanup(self.end)

    def end(self) -> None:
        """Stop the service, unless the test did."""
        if self.adoption.running:
            self.adoption.stopService()

    async def adopted(self) -> None:
        """What was captured is stored, and nothing of it waits."""
        await until(lambda: not self.rows("SELECT 1 FROM cuarentena"), "the quarantine is empty")

    async def test_adopted(self) -> None:
        """Who adopts a device finds on the map and in the history all that it sent before, as if it had been entered then."""
        await self.kept(*(self.parcel(second, NEW) for second in range(3)))
        ((number,),) = self.rows("SELECT adoptar(%s, 'AB 123 CD')", IMEI)
        await self.adopted()
        assert self.history() == [0, 1, 2]
        assert self.rows("SELECT imei, patente, fecha_gps IS NOT NULL FROM moviles WHERE id = %s", number) == [
            (IMEI, "AB 123 CD", True)
        ]
        assert sum(count for imei, count in self.told if imei == IMEI) == 3

    async def test_entered_by_any_program(self) -> None:
        """A row in moviles is all that it takes, whoever writes it."""
        await self.kept(self.parcel(0, NEW))
        self.rows("INSERT INTO moviles (imei) VALUES (%s)", IMEI)
        await self.adopted()
        assert self.history() == [0]

    async def test_adopted_while_the_server_was_down(self) -> None:
        """Devices adopted while no server ran are on the map when it starts."""
        await self.kept(self.parcel(0, NEW), self.parcel(0, OTHER))
        self.adoption.stopService()
        self.rows("SELECT adoptar(%s)", IMEI)
        self.adoption.startService()
        await until(lambda: self.history() == [0], "the fix is stored")
        await until(lambda: [row[0] for row in self.rows(LISTED)] == ["otro"], "only the other waits")

    async def test_refused_fixes(self) -> None:
        """What the device sent that cannot be true is kept apart then, as it would have been."""
        refused = Refused(IMEI, "latitude 91", "{}", b"raw", NOON, NOON, 7)
        await self.kept(parcel(NEW, refused=[refused], message=b"raw"))
        self.rows("SELECT adoptar(%s)", IMEI)
        await self.adopted()
        assert self.rows("SELECT imei, motivo FROM posiciones_rechazadas") == [(IMEI, "latitude 91")]

    async def test_unreadable(self) -> None:
        """A captured message that somebody damaged stays for an operator, and holds up no other."""
        await self.kept(self.parcel(0, NEW), self.parcel(1, NEW))
        self.rows("UPDATE cuarentena_mensajes SET parcela = 'x' WHERE id = (SELECT min(id) FROM cuarentena_mensajes)")
        self.rows("SELECT adoptar(%s)", IMEI)
        await until(lambda: self.history() == [1], "the other is stored")
        left = "SELECT ilegible, mensaje = 'raw' FROM cuarentena_mensajes"
        await until(lambda: self.rows(left) == [(True, True)], "only the damaged one is left")

    async def test_captured_while_away(self) -> None:
        """What an unknown device was told is kept during an outage is in quarantine after it, and nowhere else."""
        await self.crash()
        found = self.vehicles.find(IMEI, "cuarentena")
        assert found == NEW
        outcome = outcome_of(self.store.write(self.parcel(0, NEW)))
        await until(lambda: outcome, "the spool has it")
        server().start()
        await self.drained()
        assert self.rows("SELECT imei, mensajes FROM cuarentena") == [(IMEI, 1)]
        assert (self.history(), self.rows("SELECT 1 FROM moviles WHERE imei = %s", IMEI)) == ([], [])
        self.rows("SELECT adoptar(%s)", IMEI)
        await self.adopted()
        assert self.history() == [0]

    async def test_known_as_unknown_while_away(self) -> None:
        """A device in quarantine that goes on reporting during an outage is acknowledged by the spool, and loses nothing."""
        message, origin = Message(device=IMEI, fixes=(a_fix(),), raw=b"raw"), Origin("lines", "Lines TCP", "cuarentena")
        assert await self.pipeline.submit(message, origin, "192.0.2.1:1") == ACCEPTED
        await self.crash()
        receipt = outcome_of(self.pipeline.submit(message, origin, "192.0.2.1:1"))
        await until(lambda: receipt, "an answer")
        assert receipt == [ACCEPTED]
        server().start()
        await self.drained()
        assert self.rows("SELECT mensajes FROM cuarentena") == [(2,)]
