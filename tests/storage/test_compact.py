"""The compact form of a day says what its rows said, in every column, whatever was in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.postgres import DatabaseTest, connected
from waygps.storage.compact import Row, encode, plain, stepped
from waygps.storage.compaction import Compaction
from waygps.storage.months import Month

DAY = datetime(2026, 11, 24, tzinfo=UTC)
NOW = datetime(2027, 1, 1, tzinfo=UTC)
MONTH = Month(DAY.date().replace(day=1))
EVERYTHING = "SELECT h::text, h.raw_data::text FROM posiciones_historicas AS h ORDER BY movil_id, fecha_gps, huella"
SMALLINT = st.integers(-(2**15), 2**15 - 1)


def numeric(low: str, high: str, places: int = 2) -> st.SearchStrategy[Decimal]:
    """What a numeric column holds."""
    return st.decimals(low, high, places=places, allow_nan=False)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """These, or NULL."""
    return st.none() | values


NAN = st.just(Decimal("NaN"))
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.sampled_from(
    ("%", "%1$s", '"', "\\", "{}", "12.50", 'a"7"', "\\u0041", "ñandú", "\x7f\x01")
)
NUMBER = (
    st.integers(-(10**30), 10**30).map(str)
    | st.sampled_from(
        ("0", "-0", "0.0", "1.50", "14.0", "100", "-0.050", "1e5", "1E-7", "99999999999999999.9", "0.000000000000000001")
    )
    | st.decimals(-100, 100, places=3, allow_nan=False).map(str)
)
"""Numbers as somebody may have written them."""


def written(value: Any) -> str:
    """JSON with the numbers, which are marked by a tuple, as they are."""
    if isinstance(value, tuple):
        return str(value[0])
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{written(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


LEAF = st.none() | st.booleans() | TEXT | st.tuples(NUMBER)
ANYTHING = st.recursive(LEAF, lambda of: st.lists(of, max_size=3) | st.dictionaries(TEXT, of, max_size=3), max_leaves=8)
# A device's reports: the same keys, other numbers.
REPORT = st.fixed_dictionaries(
    {"gsm": st.tuples(NUMBER), "100%": st.tuples(NUMBER), "atributos": st.fixed_dictionaries({"a": st.lists(st.tuples(NUMBER))})}
)
DOCUMENT = maybe((ANYTHING | REPORT).map(written))
INSTANT = st.integers(0, 86_400 * 10**6 - 1) | st.integers(0, 8639).map(lambda tick: tick * 10_000_000)
ROW = st.tuples(
    st.integers(-(2**63), 2**63 - 1) | st.integers(1, 50_000),
    numeric("-90", "90", 6),
    numeric("-180", "180", 6),
    maybe(numeric("-999999.99", "999999.99") | NAN),
    maybe(numeric("0", "2000")),
    maybe(numeric("0", "359.99")),
    maybe(SMALLINT),
    maybe(numeric("-99.99", "99.99") | NAN),
    st.booleans(),
    maybe(SMALLINT),
    maybe(numeric("-99999999.99", "99999999.99") | NAN),
    INSTANT,
    st.integers(-(25 * 3600 * 10**6), 10**15),
    DOCUMENT,
    st.sampled_from(("excelente", "buena", "regular", "mala")),
    st.integers(-(2**31), 2**31 - 1),
)
INSERT = """
INSERT INTO posiciones_recientes (id, movil_id, latitud, longitud, altitud, velocidad, rumbo, satelites, hdop, ignicion, bateria,
                                  odometro, fecha_gps, fecha_recepcion, raw_data, calidad_datos, huella)
SELECT %s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::timestamptz + f.us * interval '1 microsecond',
       %s::timestamptz + (f.us + %s) * interval '1 microsecond', %s::jsonb, %s, %s FROM (SELECT %s::bigint AS us) AS f
ON CONFLICT DO NOTHING
"""


def insert(cursor: Any, row: tuple[Any, ...]) -> None:
    """Store it as another program would."""
    *values, instant, delay, document, quality, mark = row
    cursor.execute(INSERT, (*values, DAY, DAY, delay, document, quality, mark, instant))


class RoundTripTest(DatabaseTest):
    timeout = 240

    def test_lossless(self) -> None:
        """Whatever the columns allow is read from a compact month as it was from its rows, numbers and JSON to the last digit."""
        looking, working = connected(self.url), connected(self.url)
        self.addCleanup(looking.close)
        self.addCleanup(working.close)
        working.autocommit = False
        compaction = Compaction(working)
        cursor = looking.cursor()

        @settings(
            max_examples=120,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),  # each example is a database round trip: shrinking takes minutes
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(ROW, min_size=1, max_size=12))
        def check(rows: list[tuple[Any, ...]]) -> None:
            cursor.execute("DELETE FROM posiciones_recientes; DELETE FROM posiciones_compactas")
            for row in rows:
                insert(cursor, row)
            cursor.execute(EVERYTHING)
            before = cursor.fetchall()
            (done,) = compaction.run(NOW, 0)
            cursor.execute(EVERYTHING)
            assert cursor.fetchall() == before
            odd = sum(any(value.is_nan() for value in row if isinstance(value, Decimal)) for row in rows)
            cursor.execute("SELECT count(*) FROM posiciones_recientes")
            assert cursor.fetchone()[0] <= odd
            assert done.fixes >= len(before) - odd

        check()

    def test_long_day(self) -> None:
        """A day of thousands of reports with counters, voltages and alarms in them comes back as it was."""
        (before,), (after,) = self.compacted(
            "INSERT INTO posiciones_recientes (movil_id, latitud, longitud, velocidad, odometro, fecha_gps, raw_data, huella) "
            "SELECT 1, -34 + n * 0.000101, -58 - (n %% 700) * 0.0001, n %% 90, 1000 + n * 0.07, "
            "       %s::timestamptz + n * interval '10 s', "
            "       jsonb_build_object('alimentacion_v', 12 + (n * 7 %% 230) * 0.01, 'io', n * 1234567890123, 'gsm', n %% 5) "
            "       || CASE WHEN n %% 97 = 0 THEN jsonb_build_object('alarma', '50%%') ELSE '{}' END, hashint4(n) "
            "FROM generate_series(0, 8000) AS n"
        )
        assert before[0] == 8001
        assert after == before

    def compacted(self, sql: str) -> tuple[list[Any], list[Any]]:
        """Number and digest of what the statement inserts, before compaction and after it."""
        digest = "SELECT count(*), sum(hashtextextended(h::text, 0)) FROM posiciones_historicas AS h"
        self.rows(sql, DAY)
        before = self.rows(digest)
        working = connected(self.url)
        self.addCleanup(working.close)
        working.autocommit = False
        Compaction(working).run(NOW, 0)
        assert self.rows("SELECT count(*) FROM posiciones_recientes") == [(0,)]
        return before, self.rows(digest)


class ColumnTest(SynchronousTestCase):
    def test_constant(self) -> None:
        """A column that never changes has no array at all, also where it is NULL throughout."""
        for column in (plain, stepped):
            assert (column([7, 7, 7]).base, column([7, 7, 7]).unit, column([7, 7, 7]).width) == (7, 0, "")
            assert (column([None, None]).base, column([None, None]).unit) == (None, 0)
            assert column([]).numbers == ()

    def test_unit(self) -> None:
        """What all numbers have in common is kept once: a report every ten seconds needs one byte, not eight."""
        times = [1_795_521_600_000_000 + tick * 10_000_000 for tick in range(1000)]
        series = stepped(times)
        assert (series.base, series.unit, series.width) == (times[0], 10_000_000, "uno")
        assert series.numbers == [0] + [1] * 999

    def test_widths(self) -> None:
        """Each column is kept in the narrowest array that holds it, up to its bounds."""
        for reach, width in (
            (255, "uno"),
            (256, "dos"),
            (65_535, "dos"),
            (65_536, "cuatro"),
            (2**32 - 1, "cuatro"),
            (2**32, "ocho"),
        ):
            assert plain([0, 1, reach]).width == width, reach
        for step, width in ((127, "uno"), (128, "dos"), (-128, "uno"), (-129, "dos"), (2**31 - 1, "cuatro"), (2**31, "ocho")):
            assert stepped([0, 1, 1 + step]).width == width, step

    def test_gaps(self) -> None:
        """A NULL keeps its place, and costs the row after it nothing."""
        assert stepped([None, 10, None, 12, 13]).numbers == [None, 0, None, 2, 1]
        assert plain([None, 10, 12, 13]).numbers == [None, 0, 2, 3]

    def test_any_order(self) -> None:
        """Rows may come in any order; the segment has them by time."""
        rows = [Row(n, n, n, None, None, None, None, None, 0, None, None, 100 - n, 200, 2, None, n) for n in range(5)]
        segment = encode(rows)
        assert (segment.fixes, segment.first, segment.last) == (5, 96, 100)
        assert segment.marks == (4, 3, 2, 1, 0)
        assert segment.box == (0.0, 0.0, 4e-06, 4e-06)
