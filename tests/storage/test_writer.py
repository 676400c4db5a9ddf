"""The writer against a real PostgreSQL: what a batch of positions leaves in the tables."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from tests.postgres import DatabaseTest, clock, server
from tests.storage import NOON, RecordingSession, at, fix, parcel, vehicle
from waygps.errors import StoreUnavailable
from waygps.fix import Message
from waygps.position import refused, unread
from waygps.storage.writer import BatchWriter

HISTORY = "SELECT count(*) FROM posiciones_historicas"
APART = "SELECT imei, motivo FROM posiciones_rechazadas ORDER BY id"
PLACE = "SELECT ultimo_lat, ultimo_lon FROM moviles"
HERE = (Decimal("-34.603722"), Decimal("-58.381592"))


class WriterTest(DatabaseTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.bus = vehicle(self.url)
        self.recorded = RecordingSession(clock, self.url, "prueba")
        await self.started(self.recorded)
        self.repeated: Counter[int] = Counter()
        self.writer = BatchWriter(self.recorded, 100, lambda vehicle, fixes: self.repeated.update({vehicle: fixes}))

    async def test_every_column(self) -> None:
        """Who reads the history finds every value of a fix in its column, to the unit and the millisecond."""
        full = at(
            self.bus,
            0.123,
            altitude_m=25.5,
            speed_kmh=45.25,
            course_deg=180.5,
            satellites=11,
            hdop=0.8,
            ignition=True,
            battery_pct=87,
            odometer_km=123456.7,
            alarm="sos",
            attributes={"di1": 1},
        )
        assert (await self.writer.write(parcel(self.bus, full))).new == 1
        ((*columns, raw),) = self.rows(
            "SELECT movil_id, latitud::float, longitud::float, altitud::float, velocidad::float, rumbo::float, satelites,"
            " hdop::float, ignicion, bateria, odometro::float, fecha_gps, fecha_recepcion, calidad_datos, huella, raw_data"
            " FROM posiciones_historicas"
        )
        figures = [-34.603722, -58.381592, 25.5, 45.25, 180.5, 11, 0.8, True, 87, 123456.7]
        times = [datetime(2026, 11, 24, 12, 0, second, 123_000, tzinfo=UTC) for second in (0, 2)]
        assert columns == [self.bus.id, *figures, *times, "excelente", full.fingerprint]
        assert raw == {"protocolo": "prueba", "alarma": "sos", "atributos": {"di1": 1}}

    async def test_what_is_not_known_is_null(self) -> None:
        """A device that reports nothing but a position leaves nothing else in the history, and no ignition."""
        await self.writer.write(parcel(self.bus, at(self.bus)))
        unknown = "altitud, velocidad, rumbo, satelites, hdop, bateria, odometro"
        assert self.rows(f"SELECT {unknown}, ignicion FROM posiciones_historicas") == [(None,) * 7 + (False,)]

    async def test_current_state(self) -> None:
        """Who reads moviles finds the newest fix of a batch there, whatever its place in the batch."""
        newest = at(self.bus, 9, lat=-31.5, speed_kmh=60, course_deg=90, satellites=9, ignition=True, battery_pct=50)
        stored = await self.writer.write(parcel(self.bus, at(self.bus), newest, at(self.bus, 5)))
        assert (stored.new, set(stored.moved)) == (3, {self.bus.id})
        assert self.rows(
            "SELECT ultimo_lat::float, ultima_velocidad_kmh::float, ultimo_rumbo::float, ignicion, ignicion_estado,"
            " bateria_porcentaje, calidad_senal, fecha_gps, fecha_recepcion - fecha_gps < '3 s', estado_conexion FROM moviles"
        ) == [(-31.5, 60, 90, True, True, 50, 9, datetime(2026, 11, 24, 12, 0, 9, tzinfo=UTC), True, "conectado")]

    async def test_retransmission(self) -> None:
        """A device that sends a report again, even twice in one message, is answered, and the history has it once."""
        await self.writer.write(parcel(self.bus, at(self.bus), at(self.bus)))
        again = await self.writer.write(parcel(self.bus, at(self.bus)))
        assert again.new == 0
        assert self.rows(HISTORY) == [(1,)]

    async def test_two_fixes_of_one_time(self) -> None:
        """Two different events of the same second are both in the history."""
        stored = await self.writer.write(parcel(self.bus, at(self.bus, alarm="sos"), at(self.bus, alarm="power_cut")))
        assert stored.new == 2
        assert self.rows(HISTORY) == [(2,)]

    async def test_late_fix(self) -> None:
        """A buffered report from an hour ago is in the history, and the vehicle stays where it is."""
        await self.writer.write(parcel(self.bus, at(self.bus)))
        stored = await self.writer.write(parcel(self.bus, at(self.bus, -3600, lat=-31.0)))
        assert (stored.new, stored.moved) == (1, frozenset())
        assert self.rows(PLACE) == [HERE]

    async def test_invalid_fix(self) -> None:
        """A vehicle in a tunnel keeps its place on the map, and its ignition and time go on."""
        await self.writer.write(parcel(self.bus, at(self.bus, ignition=True, speed_kmh=40)))
        stored = await self.writer.write(parcel(self.bus, at(self.bus, 30, lat=0, lon=0, valid=False, ignition=False)))
        assert set(stored.moved) == {self.bus.id}
        assert self.rows(PLACE) == [HERE]
        state = self.rows("SELECT ignicion, ultima_velocidad_kmh, extract(second FROM fecha_gps) FROM moviles")
        assert state == [(False, 40, 30)]
        quality = "SELECT calidad_datos, raw_data -> 'valido' FROM posiciones_historicas ORDER BY fecha_gps DESC LIMIT 1"
        assert self.rows(quality) == [("mala", False)]

    async def test_late_fix_beside_an_invalid_one(self) -> None:
        """A batch of an old place and a newer report without reception does not take the vehicle back to the old place."""
        await self.writer.write(parcel(self.bus, at(self.bus)))
        await self.writer.write(parcel(self.bus, at(self.bus, -3600, lat=-31.0), at(self.bus, 30, lat=0, lon=0, valid=False)))
        assert self.rows(PLACE) == [HERE]

    async def test_month_without_partition(self) -> None:
        """Reports that a device kept for half a year are stored in the months they are from."""
        month = 31 * 86_400
        late = [at(self.bus, -month * months) for months in (6, 9, 21)]
        assert (await self.writer.write(parcel(self.bus, *late))).new == 3
        parts = [f"posiciones_recientes_{part}" for part in ("2025_02", "2026_02", "2026_05")]
        assert self.rows("SELECT tableoid::regclass::text FROM posiciones_recientes ORDER BY fecha_gps") == [(p,) for p in parts]

    async def test_refused_row_alone(self) -> None:
        """A report of nothing but an impossible fix is acknowledged, kept apart with all it said, and moves nothing."""
        stored = await self.writer.write(parcel(self.bus, at(self.bus, lat=91.0, attributes={"di1": 1})))
        assert stored.moved == frozenset()
        assert self.rows("SELECT fix ->> 'lat', fix #>> '{attributes,di1}' FROM posiciones_rechazadas") == [("91.0", "1")]
        assert self.rows(PLACE) == [(None, None)]

    async def test_plugin_that_fills_in_nonsense(self) -> None:
        """What a plugin filled in wrongly costs its own fix, which is kept apart, and not the ones beside it or after it."""
        nonsense: Any = "eighty"
        broken = replace(at(self.bus, 1), fix=None)
        stored = await self.writer.write(parcel(self.bus, at(self.bus), broken, at(self.bus, 2, battery_pct=nonsense)))
        assert stored.new == 1
        assert [reason.split(":")[0] for _, reason in sorted(self.rows(APART))] == ["AttributeError", "InvalidTextRepresentation"]
        assert (await self.writer.write(parcel(self.bus, at(self.bus, 3)))).new == 1

    async def test_refused_row_keeps_its_message(self) -> None:
        """Of two messages in one batch it is the right one whose bytes are kept beside the fix that PostgreSQL refuses."""
        first = self.writer.write(parcel(self.bus, at(self.bus), message=b"alone"))
        good = self.writer.write(parcel(self.bus, at(self.bus, 1), message=b"good"))
        bad = self.writer.write(parcel(self.bus, at(self.bus, 2), at(self.bus, 3, speed_kmh=9999), message=b"\x00bad\xff"))
        for each in (first, good, bad):
            await each
        assert self.recorded.batches[:2] == [1, 3]
        assert [bytes(message) for (message,) in self.rows("SELECT mensaje FROM posiciones_rechazadas")] == [b"\x00bad\xff"]
        assert self.rows(HISTORY) == [(3,)]

    async def test_dates_that_cannot_be(self) -> None:
        """PostgreSQL itself refuses a fix from before 2000, or more than 25 hours ahead of its reception, and keeps it apart."""
        ahead = [replace(at(self.bus), time=NOON + int(hours * 3_600_000), received=NOON) for hours in (24.9, 25.1)]
        old = [replace(at(self.bus), time=time) for time in (946_684_800_000, 946_684_799_999)]
        stored = [await self.writer.write(parcel(self.bus, each)) for each in (*ahead, *old)]
        assert [each.new for each in stored] == [1, 0, 1, 0]
        reasons = self.rows("SELECT motivo LIKE '%%posiciones_fecha_posible%%' FROM posiciones_rechazadas")
        assert reasons == [(True,)], "one row: the two say the same but for a time that only the test gave them"

    async def test_repeated_fixes_are_told(self) -> None:
        """Who counts a vehicle's retransmissions is told how many fixes of which vehicle were there already, and of no other."""
        van = vehicle(self.url, "864394040001234")
        await self.writer.write(parcel(self.bus, at(self.bus), at(self.bus, 1)))
        assert not self.repeated
        alone = self.writer.write(parcel(self.bus, at(self.bus, 9)))
        again = self.writer.write(parcel(self.bus, at(self.bus), at(self.bus, 1), at(self.bus, 2)))
        fresh = self.writer.write(parcel(van, at(van), at(van, 1)))
        twice = self.writer.write(parcel(van, at(van, 1)))
        for each in (alone, again, fresh, twice):
            await each
        assert self.recorded.batches == [2, 7]
        assert self.repeated == {self.bus.id: 2, van.id: 1}

    async def test_probe(self) -> None:
        """Asking for a sign of life says whether PostgreSQL gives one."""
        await self.writer.probe()
        server().crash()
        with self.assertRaises(StoreUnavailable):
            await self.writer.probe()

    async def test_message_that_cannot_be_read(self) -> None:
        """A message that cannot be read is kept once, however often the device sends it; another one is another row."""
        for raw in (b"one", b"one", b"two"):
            message = Message(device="356307042441013", raw=raw, unreadable="the position is unreadable")
            await self.writer.write(parcel(self.bus, refused=[unread(message, NOON)]))
        kept = self.rows("SELECT mensaje, fix::text FROM posiciones_rechazadas ORDER BY id")
        assert [(bytes(raw), fix) for raw, fix in kept] == [(b"one", "{}"), (b"two", "{}")]

    async def test_fix_that_the_pipeline_refused(self) -> None:
        """A fix with an impossible time is kept apart once, however often the device sends it, with its message."""
        message = Message(device="356307042441013", fixes=(fix(attributes={"t": "a\0b"}),), raw=b"\x00\xff")
        apart = refused(message, message.fixes[0], "the device's clock is wrong", NOON)
        for _ in range(2):
            await self.writer.write(parcel(self.bus, refused=[apart]))
        ((motive, raw),) = self.rows("SELECT motivo, mensaje FROM posiciones_rechazadas")
        assert (motive, bytes(raw)) == ("the device's clock is wrong", b"\x00\xff")
        assert self.rows(HISTORY) == [(0,)]

    async def test_text_survives(self) -> None:
        """Whatever text a device sends comes back from raw_data as it was; only NUL, which PostgreSQL has not, is replaced."""
        texts = ['"', "\\", "{}", ",", "'); DROP", "NULL", "ñandú 🚚", "\n\t", "%s", "\\u0000", "a\0b", "\\\0", "\0\0"]
        await self.writer.write(parcel(self.bus, at(self.bus, attributes={text: text for text in texts})))
        ((kept,),) = self.rows("SELECT raw_data -> 'atributos' FROM posiciones_historicas")
        expected = [text.replace("\0", "\ufffd") for text in texts]
        assert kept == {text: text for text in expected}
