"""What the tests of compaction and retention write: months of history, and what is to be seen of them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from tests.postgres import DatabaseTest, connected
from waygps.storage.compaction import Compaction

OCTOBER = datetime(2026, 10, 5, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILL = """
INSERT INTO posiciones_recientes (movil_id, latitud, longitud, velocidad, fecha_gps, fecha_recepcion, raw_data, huella)
SELECT movil, -34.6 + n * 0.0001, -58.4, n %% 90, momento, momento + interval '2 s', jsonb_build_object('gsm', n), n
FROM generate_series(1, %s) AS movil, generate_series(0, %s) AS n,
     LATERAL (SELECT %s::timestamptz + n * interval '10 minutes' AS momento) AS m
"""
REPEAT = """
INSERT INTO posiciones_recientes (movil_id, latitud, longitud, velocidad, fecha_gps, fecha_recepcion, raw_data, huella)
SELECT %s, -34.6 + %s * 0.0001, -58.4, %s %% 90, momento, momento + interval '1 hour', jsonb_build_object('gsm', %s), %s
FROM (SELECT %s::timestamptz + %s * interval '10 minutes' AS momento) AS m
ON CONFLICT DO NOTHING RETURNING id
"""
ROWS = "SELECT count(*) FROM posiciones_recientes"
SEGMENTS = "SELECT count(*) FROM posiciones_compactas"
DIGEST = "SELECT count(*), sum(hashtextextended(h::text, 0)) FROM posiciones_historicas AS h"


class HistoryTest(DatabaseTest):
    """A test with months of history in the database."""

    timeout = 60

    def fill(self, vehicles: int = 2, fixes: int = 200, start: datetime = OCTOBER) -> None:
        """Give so many vehicles so many fixes, one every ten minutes."""
        self.rows("SELECT asegurar_particion(%s)", start)
        self.rows(FILL, vehicles, fixes - 1, start)

    def repeat(self, vehicle: int, fix: int) -> int:
        """Report a fix again, as a device does that missed the answer, and say how many rows that added."""
        return len(self.rows(REPEAT, vehicle, fix, fix, fix, fix, OCTOBER, fix))

    def working(self) -> Any:
        """A connection for the job."""
        connection = connected(self.url)
        connection.autocommit = False
        self.addCleanup(connection.close)
        return connection

    def compact(self, days: int = 0) -> list[str]:
        """Compact what is due, and give what the job said."""
        said: list[str] = []
        Compaction(self.working(), said.append).run(NOW, days)
        return said

    def digest(self) -> tuple[Any, ...]:
        """Number and fingerprint of the whole history, as other programs see it."""
        return self.rows(DIGEST)[0]

    def command(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process of the ``waygps`` command on this database, ended with the test."""
        environment = {**os.environ, "WAYGPS_DATABASE_URL": self.url}
        process = subprocess.Popen(
            [sys.executable, "-m", "waygps.cli", *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process
