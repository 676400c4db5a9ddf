"""History that is older than it is to be kept goes, and devices report on meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg2.errors
import pytest
from twisted.internet.threads import deferToThread

from tests.postgres import connected, until
from tests.storage.compacting import DIGEST, NOW, OCTOBER, HistoryTest
from waygps.storage.months import Month, month_of
from waygps.storage.retention import Dropped, Retention, kept_from

INSERT = "INSERT INTO posiciones_recientes (movil_id, latitud, longitud, fecha_gps, huella) VALUES (1, 1, 2, %s, %s)"
REFUSED = """
INSERT INTO posiciones_rechazadas (imei, motivo, fix, fecha_recepcion, huella)
SELECT 'a', 'prueba', '{}', %s::timestamptz + n * interval '1 day', n FROM generate_series(0, 40) AS n
"""
PARTITIONS = "SELECT count(*) FROM pg_class WHERE relname ~ '_2026_(08|09|10)$' AND relkind = 'r'"
PENDING = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"


class RetentionTest(HistoryTest):
    def setUp(self) -> None:
        super().setUp()
        for month in (8, 9, 10):
            self.fill(vehicles=2, fixes=50, start=datetime(2026, month, 5, tzinfo=UTC))

    def retention(self) -> Retention:
        """The job on a connection of its own."""
        connection = connected(self.url)
        self.addCleanup(connection.close)
        return Retention(connection)

    def drop(self, days: int) -> list[Dropped]:
        """Delete what is older than so many days."""
        return self.retention().drop(NOW, days)

    def test_old_months(self) -> None:
        """Months that ended longer ago than the history is kept are gone, and no other."""
        dropped = self.drop(54)
        assert [(str(month.month), month.fixes) for month in dropped] == [("2026-08", 100), ("2026-09", 100)]
        assert all(month.size > 0 for month in dropped)
        assert self.rows("SELECT min(fecha_gps) FROM posiciones_historicas") == [(OCTOBER,)]
        assert self.drop(55) == []

    def test_compact_months(self) -> None:
        """A compact month goes like any other, with the late fixes that are not compacted yet."""
        self.compact(days=54)
        self.rows(INSERT, datetime(2026, 8, 7, tzinfo=UTC), -7)
        assert [month.fixes for month in self.drop(54)] == [101, 100]
        assert self.rows(DIGEST)[0][0] == 100
        assert self.rows(PARTITIONS) == [(1,)]

    def test_look_first(self) -> None:
        """What would be deleted can be seen before, and nothing is."""
        assert [month.fixes for month in self.retention().due(NOW, 54)] == [100, 100]
        assert self.rows(DIGEST)[0][0] == 300

    def test_estimate(self) -> None:
        """The number of fixes of a month that PostgreSQL has statistics of is not counted, and marked as about so many."""
        self.rows("ANALYZE posiciones_recientes")
        assert [(month.fixes, month.estimated) for month in self.retention().due(NOW, 54)] == [(100, True), (100, True)]

    async def test_open_transaction(self) -> None:
        """While months are deleted, a transaction that inserts stays open, and others begin and end."""
        other = self.working()
        other.cursor().execute(INSERT, (NOW, 1))
        running = deferToThread(self.drop, 23)
        await until(lambda: self.rows(PENDING) == [(1,)], "the first month is being detached")
        self.rows(INSERT, NOW, 2)
        july = datetime(2026, 7, 1, tzinfo=UTC)
        self.rows("SELECT asegurar_particion(%s)", july)
        self.rows(INSERT, july, 3)
        assert not running.called
        other.commit()
        await running
        assert self.rows("SELECT huella FROM posiciones_historicas ORDER BY huella") == [(1,), (2,), (3,)]

    async def test_interrupted(self) -> None:
        """A deletion that was ended half way is finished by the next one."""
        other = self.working()
        other.cursor().execute(INSERT, (NOW, 1))
        job = connected(self.url)
        self.addCleanup(job.close)
        running = deferToThread(Retention(job).drop, NOW, 23)
        await until(lambda: self.rows(PENDING) == [(1,)], "the first month is being detached")
        self.rows("SELECT pg_terminate_backend(%s)", job.info.backend_pid)
        with pytest.raises(psycopg2.OperationalError):
            await running
        other.commit()
        assert self.rows(PENDING) == [(1,)]
        self.drop(23)
        assert (self.rows(PENDING), self.rows(PARTITIONS)) == ([(0,)], [(0,)])

    def test_detached_and_not_dropped(self) -> None:
        """A month that was detached when the process ended is deleted by the next run, and can come anew."""
        self.rows("ALTER TABLE posiciones_recientes DETACH PARTITION posiciones_recientes_2026_08")
        self.drop(54)
        assert self.rows(PARTITIONS) == [(1,)]
        self.rows("SELECT asegurar_particion('2026-08-05')")
        self.rows(INSERT, datetime(2026, 8, 5, tzinfo=UTC), 1)
        assert self.rows(DIGEST)[0][0] == 101

    def test_refused_fixes(self) -> None:
        """Refused fixes go with the months in which they came."""
        self.rows(REFUSED, datetime(2026, 9, 1, tzinfo=UTC))
        retention = self.retention()
        assert retention.refused(NOW, 54) == 30
        assert retention.drop_refused(NOW, 54) == 30
        assert retention.drop_refused(NOW, 54) == 0
        assert self.rows("SELECT count(*), min(fecha_recepcion) FROM posiciones_rechazadas") == [
            (11, datetime(2026, 10, 1, tzinfo=UTC))
        ]


def test_age() -> None:
    """A month is due so many days after its last instant, in UTC; what is kept begins with a month."""
    september = Month(datetime(2026, 9, 1, tzinfo=UTC).date())
    end = datetime(2026, 10, 1, tzinfo=UTC)
    assert september.is_due(end + timedelta(days=7), 7)
    assert not september.is_due(end + timedelta(days=7, microseconds=-1), 7)
    assert kept_from(end + timedelta(days=7), 7) == end
    assert kept_from(end + timedelta(days=7, microseconds=-1), 7) == datetime(2026, 9, 1, tzinfo=UTC)
    assert Month(datetime(2026, 12, 1, tzinfo=UTC).date()).end == datetime(2027, 1, 1, tzinfo=UTC)


def test_foreign_partitions() -> None:
    """A partition that somebody else named is no month, and is left alone."""
    assert month_of("posiciones_recientes_2026_13") is None
    assert month_of("posiciones_recientes_default") is None
    assert month_of("posiciones_compactas_2026_09") == Month(datetime(2026, 9, 1, tzinfo=UTC).date())
