"""The questions of area as they are asked of every form, not tests by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg2.extensions
from psycopg2.extras import execute_values

from tests.postgres import Row, connected
from tests.storage.places import CITIES, HEATHROW, JFK, SPHEROID, Place, is_within, metres, rectangles, scattered
from waygps.storage.compaction import Compaction

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HISTORY = "INSERT INTO posiciones_recientes (movil_id, latitud, longitud, fecha_gps, fecha_recepcion, huella) VALUES %s"


class AreaDatabase:
    """To be mixed into a test whose setUp makes ``url``, a database: asks over one connection, and writes places."""

    url: str
    addCleanup: Callable[..., None]  # noqa: N815  trial's name
    _connection: psycopg2.extensions.connection | None = None

    def rows(self, sql: str, *arguments: object) -> list[Row]:
        """What one statement gives."""
        if self._connection is None:
            self._connection = connected(self.url)
            self.addCleanup(self._connection.close)
        with self._connection.cursor() as cursor:
            cursor.execute(sql, arguments or None)
            return cursor.fetchall() if cursor.description else []

    def numbers(self, function: str, *arguments: object) -> list[int]:
        """The vehicles that the function gives, in order of number, doubled ones twice."""
        slots = ", ".join(["%s"] * len(arguments))
        return [row[0] for row in self.rows(f"SELECT movil_id FROM {function}({slots}) AS p ORDER BY 1", *arguments)]

    def write(self, places: Iterable[Place], at: datetime = NOON, step: timedelta = timedelta(0)) -> None:
        """A row of history for each place, of vehicle 1, 2, 3 …, so much later each."""
        values = [
            (number, lat, lon, at + number * step, at + number * step, number) for number, (lat, lon) in enumerate(places, 1)
        ]
        self._many(HISTORY, values)

    def park(self, places: Iterable[Place]) -> None:
        """A vehicle of the same number at each place."""
        values = [(number, str(number), lat, lon) for number, (lat, lon) in enumerate(places, 1)]
        self._many("INSERT INTO moviles (id, imei, ultimo_lat, ultimo_lon) VALUES %s", values)

    def _many(self, statement: str, values: list[Any]) -> None:
        with closing(connected(self.url)) as connection, connection.cursor() as cursor:
            execute_values(cursor, statement, values, page_size=1000)
            cursor.execute("ANALYZE")

    def compact(self) -> None:
        """Put every month that has ended into the compact form, 24 November 2026 being long ago."""
        with closing(connected(self.url)) as connection:
            connection.autocommit = False
            Compaction(connection).run(NOON + timedelta(days=60), 1)


class AreaQuestions(AreaDatabase):
    """The tests: for a database with the questions installed, and the access method that they shall use."""

    index: str
    off = SPHEROID
    """The part by which its distances may differ from the sphere's."""

    def test_rectangles(self) -> None:
        """A rectangle gives the positions and the vehicles inside it, each once: over the antimeridian and at the poles too."""
        random = Random(4)
        places = scattered(random, 400)
        self.write(places)
        self.park(places)
        for rectangle in rectangles(random, places):
            inside = [number for number, place in enumerate(places, 1) if is_within(place, rectangle)]
            assert self.numbers("posiciones_en_rectangulo", *rectangle) == inside, rectangle
            found = self.rows("SELECT id FROM moviles_en_rectangulo(%s, %s, %s, %s) ORDER BY 1", *rectangle)
            assert [number for (number,) in found] == inside, rectangle

    def test_circles(self) -> None:
        """A circle gives the positions and the vehicles within its radius, wherever on the earth it is."""
        random = Random(5)
        places = scattered(random, 400)
        self.write(places)
        self.park(places)
        for _ in range(60):
            centre, radius = random.choice(places), 10 ** random.uniform(0, 7.31)
            found = self.numbers("posiciones_en_radio", *centre, radius)
            parked = self.rows("SELECT id FROM moviles_en_radio(%s, %s, %s) ORDER BY 1", *centre, radius)
            assert [number for (number,) in parked] == found
            away = {number: metres(centre, place) for number, place in enumerate(places, 1)}
            surely = {number for number, far in away.items() if far <= radius * (1 - self.off) - 1e-6}
            assert surely <= set(found), (centre, radius)
            assert all(away[number] <= radius * (1 + self.off) + 1e-6 for number in found), (centre, radius)

    def test_nearest(self) -> None:
        """The nearest come first, with their distance, and none that is nearer is left out."""
        random = Random(6)
        places = scattered(random, 300)
        self.write(places)
        self.park(places)
        for count in (1, 7, 40, 1000):
            centre = random.choice([(90.0, 12.0), (0.0, 180.0), *places])
            truth = sorted(metres(centre, place) for place in places)[:count]
            for function in ("posiciones_cercanas", "moviles_cercanos"):
                found = [far for (far,) in self.rows(f"SELECT metros FROM {function}(%s, %s, %s)", *centre, count)]
                assert found == sorted(found)
                assert len(found) == min(count, 300)
                assert all(abs(far - true) <= true * self.off + 1e-3 for far, true in zip(found, truth, strict=True)), centre

    def test_published_distances(self) -> None:
        """The distances are those that are published: New York - London, and the surveyors' Flinders Peak - Buninyong."""
        flinders, buninyong = (-37.951033, 144.424868), (-37.652821, 143.926496)
        for one, other, published in ((JFK, HEATHROW, 5_551_759.400), (flinders, buninyong, 54_972.271)):
            self.rows("DELETE FROM moviles")
            self.park([other])
            ((found,),) = self.rows("SELECT metros FROM moviles_cercanos(%s, %s, 1)", *one)
            allowed = 0.5 if self.index == "gist" else published * SPHEROID
            assert abs(found - published) <= allowed, (found, published)

    def test_cities(self) -> None:
        """Córdoba and Rosario are within 700 km of Buenos Aires; Apia is 1,150 km from Suva, beyond the antimeridian."""
        self.park(CITIES.values())
        names = list(CITIES)
        near = self.rows("SELECT id FROM moviles_en_radio(%s, %s, 700000) ORDER BY 1", *CITIES["Buenos Aires"])
        assert [names[number - 1] for (number,) in near] == ["Buenos Aires", "Córdoba", "Rosario"]
        (_, (number, far)) = self.rows("SELECT movil_id, metros FROM moviles_cercanos(%s, %s, 2)", *CITIES["Suva"])
        assert names[number - 1] == "Apia"
        assert 1_140_000 < far < 1_165_000

    def test_vehicles_without_a_position(self) -> None:
        """A vehicle that never had a position is nowhere, not at 0, 0."""
        self.rows("INSERT INTO moviles (imei) VALUES ('1')")
        assert self.rows("SELECT * FROM moviles_en_rectangulo(-90, -180, 90, 180)") == []
        assert self.rows("SELECT * FROM moviles_en_radio(0, 0, 30000000)") == []
        assert self.rows("SELECT * FROM moviles_cercanos(0, 0, 5)") == []

    def test_span(self) -> None:
        """A span includes its first and its last instant; without one the whole history is asked."""
        self.write([(-34.6, -58.4)] * 5, step=timedelta(hours=1))
        first, last = NOON + timedelta(hours=2), NOON + timedelta(hours=4)
        assert self.numbers("posiciones_en_rectangulo", -35, -59, -34, -58) == [1, 2, 3, 4, 5]
        assert self.numbers("posiciones_en_rectangulo", -35, -59, -34, -58, first, last) == [2, 3, 4]
        assert self.numbers("posiciones_en_radio", -34.6, -58.4, 1, first, last) == [2, 3, 4]
        assert self.numbers("posiciones_cercanas", -34.6, -58.4, 9, first, last) == [2, 3, 4]

    def test_whole_rows(self) -> None:
        """A position is given as the history has it, every column."""
        self.write([(-34.6, -58.4)])
        row = self.rows("SELECT * FROM posiciones_historicas")
        assert self.rows("SELECT * FROM posiciones_en_rectangulo(-35, -59, -34, -58)") == row
        assert self.rows("SELECT * FROM posiciones_en_radio(-34.6, -58.4, 10)") == row
        assert [found[:-1] for found in self.rows("SELECT * FROM posiciones_cercanas(-34.6, -58.4, 10)")] == row

    def test_compact_months(self) -> None:
        """The answers are the same when the months are in the compact form, at the antimeridian too, and over both forms."""
        random = Random(7)
        places = scattered(random, 40)
        self.write(places)
        questions: list[tuple[Any, ...]] = [
            ("posiciones_en_rectangulo", *rectangle) for rectangle in list(rectangles(random, places))[:24]
        ]
        questions += [("posiciones_en_radio", *place, 10 ** random.uniform(2, 6)) for place in places[:8]]
        questions += [("posiciones_cercanas", -34.6, -58.4, 5)]
        questions += [
            ("posiciones_en_radio", 0.0, 0.0, 3e7, NOON, NOON),
            ("posiciones_en_radio", 0.0, 0.0, 3e7, NOON + timedelta(1)),
        ]
        before = [self.numbers(*question) for question in questions]
        self.compact()
        assert self.rows("SELECT count(*) FROM posiciones_recientes") == [(0,)]
        assert [self.numbers(*question) for question in questions] == before
        self.write([(-34.6, -58.4)], NOON + timedelta(days=20))
        assert self.numbers("posiciones_en_rectangulo", -90, -180, 90, 180) == sorted([1, *range(1, 41)])

    def test_index(self) -> None:
        """Out of many positions those of an area are found by the index, not by reading all."""
        random = Random(8)
        self.write(
            [(-34.6 + random.gauss(0, 0.3), -58.4 + random.gauss(0, 0.3)) for _ in range(30_000)], step=timedelta(seconds=1)
        )
        for question in ("posiciones_en_rectangulo(-34.61, -58.41, -34.6, -58.4)", "posiciones_en_radio(-34.6, -58.4, 300)"):
            plan = "\n".join(line for (line,) in self.rows(f"EXPLAIN SELECT * FROM {question}"))
            used = self.rows("SELECT i.relname, a.amname FROM pg_class i JOIN pg_am a ON a.oid = i.relam WHERE i.relkind = 'i'")
            assert any(f" {name} " in plan and method == self.index for name, method in used), plan

    def test_dubious_fixes(self) -> None:
        """Fixes of bad quality are found by an index of their own."""
        self.write([(-34.6, -58.4)] * 20_000, step=timedelta(seconds=1))
        self.rows("UPDATE posiciones_recientes SET calidad_datos = 'mala' WHERE movil_id % 1000 = 0")
        self.rows("ANALYZE posiciones_recientes")
        last = NOON + timedelta(hours=3)
        question = "posiciones_historicas WHERE calidad_datos = 'mala' AND fecha_gps BETWEEN %s AND %s"
        plan = self.rows(f"EXPLAIN SELECT * FROM {question}", NOON, last)
        partial = self.rows("SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL")
        assert any(f" {name} " in f"{line} " for (line,) in plan for (name,) in partial), plan
        assert self.rows(f"SELECT count(*) FROM {question}", NOON, last) == [(10,)]
