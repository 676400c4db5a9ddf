"""Old months go into the compact form, and nobody who reads or writes the history notices."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2.errors
import pytest
from twisted.internet.threads import deferToThread

from tests.postgres import connected, server, until
from tests.storage.compacting import NOW, OCTOBER, ROWS, SEGMENTS, HistoryTest
from waygps.errors import WayGPSError
from waygps.storage import compaction, rewriting
from waygps.storage.compact import encode
from waygps.storage.compaction import LOCK_DAY, UNLOCK_DAY, Compaction
from waygps.storage.fleet import Fleet
from waygps.storage.months import Month
from waygps.storage.rewriting import rewrite

MONTH = Month(OCTOBER.date().replace(day=1))
DAY = {"movil": 1, "dia": OCTOBER.date()}
LATE = "INSERT INTO posiciones_historicas (movil_id, latitud, longitud, fecha_gps, huella) VALUES (1, 0, 0, %s, -5)"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


class CompactionTest(HistoryTest):
    def test_month(self) -> None:
        """A month that ended long enough ago is compacted, reads as before, and its rows give their room back."""
        self.fill()
        before = self.digest()
        (said,) = self.compact()
        assert self.digest() == before
        assert (self.rows(ROWS), self.rows(SEGMENTS)) == ([(0,)], [(4,)])
        assert self.rows(f"SELECT pg_relation_size('{MONTH.rows}')") == [(0,)]
        assert said.startswith("2026-10: 400 fixes compacted, 0 left as rows; ")

    def test_months_that_are_not_due(self) -> None:
        """This month, and one that ended too few days ago, stay as they are."""
        self.fill()
        self.fill(start=NOW - timedelta(days=10))
        assert self.compact(days=24) == []
        assert len(self.compact(days=23)) == 1
        assert self.rows(ROWS) == [(400,)]

    def test_second_run(self) -> None:
        """A month that is compact already is not touched again."""
        self.fill()
        self.compact()
        assert self.compact() == []

    def test_retransmission(self) -> None:
        """A fix that is in a compact month and is reported again adds no row."""
        self.fill()
        before = self.digest()
        self.compact()
        assert self.repeat(1, 150) == 0
        assert self.digest() == before

    def test_late_fix(self) -> None:
        """A fix that comes after its month was compacted is kept at once, and is in the compact form after the next run."""
        self.fill()
        self.compact()
        assert self.repeat(2, 500) == 1
        before = self.digest()
        assert before[0] == 401
        assert self.rows(ROWS) == [(1,)]
        assert self.repeat(2, 500) == 0
        self.compact()
        assert self.digest() == before
        assert self.rows(ROWS) == [(0,)]

    def test_late_fix_within_a_day(self) -> None:
        """A late fix is merged among those of its day."""
        self.fill()
        self.rows("DELETE FROM posiciones_recientes WHERE huella = 70 AND movil_id = 1")
        self.compact()
        assert self.repeat(1, 70) == 1
        before = self.digest()
        self.compact()
        assert self.digest() == before
        assert self.rows("SELECT fixes FROM posiciones_compactas WHERE movil_id = 1 ORDER BY dia") == [(144,), (56,)]

    def test_second_event_of_an_instant(self) -> None:
        """Another event at the time of a compacted fix is not taken for its retransmission."""
        self.fill()
        self.compact()
        self.rows(LATE, OCTOBER)
        assert self.digest()[0] == 401

    def test_rows_that_do_not_fit(self) -> None:
        """What the compact form cannot say stays as it is, with the rest of its day compacted."""
        self.fill(vehicles=1)
        self.rows("UPDATE posiciones_recientes SET altitud = 'NaN' WHERE huella = 3")
        before = self.digest()
        (said,) = self.compact()
        assert said.startswith("2026-10: 199 fixes compacted, 1 left as rows")
        assert (self.digest(), self.rows(ROWS)) == (before, [(1,)])

    def test_enormous_day(self) -> None:
        """A day with more fixes than fit into memory stays as rows, and the log says so."""
        self.patch(compaction, "LARGEST_DAY", 100)
        self.fill(vehicles=1)
        said = self.compact()
        assert said[0] == "2026-10: vehicle 1 has 144 fixes on 2026-10-05, too many for the compact form"
        assert said[1].startswith("2026-10: 56 fixes compacted, 144 left as rows")

    def test_difference(self) -> None:
        """Were the compact form ever to differ from the rows, the rows would be kept."""
        self.fill(vehicles=1)
        before = self.digest()
        self.patch(rewriting, "encode", lambda rows: encode([row._replace(latitud=row.latitud + 1) for row in rows]))
        with pytest.raises(WayGPSError, match="vehicle 1, 2026-10-05: the compact form differs"):
            self.compact()
        assert (self.digest(), self.rows(SEGMENTS)) == (before, [(0,)])

    def test_one_at_a_time(self) -> None:
        """While one process compacts, another one is refused."""
        self.fill()
        other = connected(self.url)
        self.addCleanup(other.close)
        other.cursor().execute(compaction.LOCK_JOB)
        with pytest.raises(WayGPSError, match="another process is compacting"):
            self.compact()

    def test_deleted_vehicle(self) -> None:
        """A vehicle that is deleted takes its compacted history along, and nobody else's."""
        self.rows("INSERT INTO moviles (id, imei) VALUES (1, 'a'), (2, 'b')")
        self.fill()
        self.compact()
        self.rows("DELETE FROM moviles WHERE id = 1")
        assert self.rows("SELECT DISTINCT movil_id FROM posiciones_historicas") == [(2,)]


class MeanwhileTest(HistoryTest):
    """What others do while the job is at work."""

    def connection(self) -> Any:
        """One more connection, with transactions."""
        other = self.working()
        other.cursor().execute("SELECT 1")
        other.commit()
        return other

    async def blocked(self) -> None:
        """Wait until somebody waits for a lock."""
        await until(lambda: self.rows(WAITING) != [(0,)], "somebody waits")

    async def test_late_fix_in_an_open_transaction(self) -> None:
        """A late fix that is being written when its day is compacted is in the history afterwards, once."""
        self.fill()
        self.compact()
        self.rows("SELECT expandir(1, %s)", OCTOBER.date())
        other = self.connection()
        other.cursor().execute(
            "INSERT INTO posiciones_recientes (movil_id, latitud, longitud, fecha_gps, huella) VALUES (1, 0, 0, %s, -5)",
            (OCTOBER,),
        )
        running = deferToThread(self.compact)
        await self.blocked()
        other.commit()
        await running
        assert (self.digest()[0], self.rows(ROWS)) == (401, [(0,)])

    async def test_retransmission_during_the_compaction_of_its_day(self) -> None:
        """A fix reported again at the moment at which its row becomes part of a segment adds nothing."""
        self.fill()
        self.compact()
        self.rows("SELECT expandir(1, %s)", OCTOBER.date())
        before = self.digest()
        job = self.connection()
        Compaction(job)
        cursor = job.cursor()
        cursor.execute(LOCK_DAY, DAY)
        job.commit()
        added = deferToThread(self.repeat, 1, 20)
        await self.blocked()
        assert rewrite(cursor, MONTH, DAY) == 144
        job.commit()
        cursor.execute(UNLOCK_DAY, DAY)
        assert await added == 0
        assert self.digest() == before

    async def test_row_changed_meanwhile(self) -> None:
        """A row that is changed while its day is compacted keeps the change; the day is compacted the next time."""
        self.fill(vehicles=1, fixes=100)
        self.compact()
        self.rows("SELECT expandir(1, %s)", OCTOBER.date())
        other = self.connection()
        other.cursor().execute("UPDATE posiciones_recientes SET altitud = 7 WHERE huella = 20")
        running = deferToThread(self.compact)
        await self.blocked()
        other.commit()
        said = await running
        assert "is busy: later" in said[0], said
        assert self.rows("SELECT count(*) FROM posiciones_historicas WHERE altitud = 7") == [(1,)]
        before = self.digest()
        self.compact()
        assert (self.digest(), self.rows(ROWS)) == (before, [(0,)])

    def test_reader_in_the_way(self) -> None:
        """The room of the rows waits for somebody who still reads them, and is given back the next time."""
        self.fill()
        other = self.connection()
        other.cursor().execute(f"SELECT 1 FROM {MONTH.rows} LIMIT 1")
        self.rows("SELECT asegurar_compactas(%s)", MONTH.first)
        said = self.compact()
        assert said[0].startswith("2026-10: busy, the rest later"), said
        assert self.rows(ROWS) == [(0,)]
        other.rollback()
        assert len(self.compact()) == 1
        assert self.rows(f"SELECT pg_relation_size('{MONTH.rows}')") == [(0,)]
        assert self.compact() == []

    async def some_segments(self, more: int = 10) -> None:
        """Wait until the job has made some."""
        had = self.rows(SEGMENTS)[0][0]
        await until(lambda: self.rows(SEGMENTS)[0][0] >= had + more, "the job is at work", within=40)

    async def test_killed_process(self) -> None:
        """The job killed with -9 again and again loses no fix and doubles none, and the next run does the rest."""
        self.fill(vehicles=40, fixes=1000)
        before = self.digest()
        for _ in range(3):
            process = self.command("compact", "--days", "0")
            await self.some_segments()
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert self.digest() == before
            assert self.rows(ROWS) != [(0,)], "it was killed too late to tell"
        await until(lambda: self.rows(IDLE) == [(0,)], "PostgreSQL noticed")
        self.compact()
        assert (self.digest(), self.rows(ROWS)) == (before, [(0,)])

    async def test_killed_database(self) -> None:
        """A PostgreSQL that dies while a month is compacted has every fix once when it is back; the command says why it ended."""
        self.fill(vehicles=40, fixes=1000)
        before = self.digest()
        process = self.command("compact", "--days", "0")
        await self.some_segments()
        server().crash()
        process.wait()
        server().start()
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.returncode == 1
        assert said.startswith(b"Error: the database says: "), said
        assert self.digest() == before
        assert self.rows(ROWS) != [(0,)], "it was killed too late to tell"
        self.compact()
        assert (self.digest(), self.rows(ROWS)) == (before, [(0,)])


IDLE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class ViewTest(HistoryTest):
    """posiciones_historicas is used like the table that it was."""

    def setUp(self) -> None:
        super().setUp()
        self.fill()
        self.compact()
        self.rows(
            "INSERT INTO posiciones_historicas (movil_id, latitud, longitud, fecha_gps, huella) VALUES (1, 1, 2, %s, 9)",
            datetime(2026, 11, 1, tzinfo=UTC),
        )

    def test_defaults(self) -> None:
        """An insert may leave out what the table has defaults for."""
        columns = "id > 0, ignicion, fecha_recepcion IS NOT NULL, calidad_datos"
        assert self.rows(f"SELECT {columns} FROM posiciones_historicas WHERE huella = 9 AND latitud = 1") == [
            (True, False, True, "buena")
        ]

    def test_rows_are_changed(self) -> None:
        """A fix that is kept as a row can be changed and deleted through the view."""
        self.rows("UPDATE posiciones_historicas SET altitud = 12.5 WHERE fecha_gps >= '2026-11-01'")
        assert self.rows("SELECT count(*) FROM posiciones_recientes WHERE altitud = 12.5") == [(1,)]
        self.rows("DELETE FROM posiciones_historicas WHERE fecha_gps >= '2026-11-01'")
        assert self.digest()[0] == 400

    def test_segments_are_not_changed(self) -> None:
        """Changing a compacted fix is refused, with what to do in the message; after that it works."""
        change = "UPDATE posiciones_historicas SET altitud = 12.5 WHERE huella = 20 AND movil_id = 1"
        for statement in (change, "DELETE FROM posiciones_historicas WHERE huella = 20 AND movil_id = 1"):
            with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match=r"SELECT expandir\(1, '2026-10-05'\)"):
                self.rows(statement)
        assert self.rows("SELECT expandir(1, '2026-10-05'), expandir(1, '2026-10-09')") == [(144, 0)]
        self.rows(change)
        assert self.rows("SELECT count(*) FROM posiciones_historicas WHERE altitud = 12.5") == [(1,)]
        self.compact()
        assert self.rows("SELECT count(*), count(altitud) FROM posiciones_historicas") == [(401, 1)]

    def test_one_vehicle(self) -> None:
        """historia() gives one vehicle's fixes of both forms between two instants, both included."""
        span = "SELECT huella FROM historia(1, %s, %s, %s) ORDER BY fecha_gps DESC LIMIT 3"
        late = OCTOBER + timedelta(minutes=10 * 150)
        assert self.rows(span, OCTOBER, late, 3) == [(150,), (149,), (148,)]
        assert self.rows(span, OCTOBER, NOW, 2**31 - 1) == [(9,), (199,), (198,)]
        whole = "SELECT count(*) FROM historia(1, %s, %s)"
        assert self.rows(whole, OCTOBER + timedelta(minutes=10), late) == [(150,)]
        assert self.rows(whole, late, OCTOBER) == [(0,)]

    def test_newest_few(self) -> None:
        """Asked for the newest few, historia() opens no more days than they are on."""
        newest = "SELECT count(*) FROM historia(1, %s, '2026-10-31', %s)"
        assert self.rows(newest, OCTOBER, 50) == [(56,)]
        assert self.rows(newest, OCTOBER, 57) == [(200,)]

    async def test_web(self) -> None:
        """The positions that the web asks for are the same before and after compaction, also the newest few of them."""
        self.rows("SELECT expandir(1, dia) FROM posiciones_compactas WHERE movil_id = 1")
        fleet = Fleet(await self.session())
        asked = [(1, OCTOBER, NOW, 10_000), (1, OCTOBER, NOW, 60), (1, OCTOBER, OCTOBER + timedelta(hours=30), 20)]
        before = [await fleet.positions(*each) for each in asked]
        assert [text.count("fecha_gps") for text in before] == [201, 60, 20]
        self.compact()
        assert self.rows("SELECT count(*) FROM posiciones_compactas WHERE movil_id = 1") == [(2,)]
        assert [await fleet.positions(*each) for each in asked] == before
