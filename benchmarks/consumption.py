"""What a server and its PostgreSQL use: CPU seconds and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from psutil import NoSuchProcess, Process

MB = 2**20


class Cpu(Struct):
    """CPU seconds used meanwhile."""

    waygps: float = 0.0
    postgresql: float = 0.0


class Consumption:
    """Looks at the server's process and at the PostgreSQL whose directory this is."""

    def __init__(self, server: int, pgdata: Path) -> None:
        self._server = Process(server)
        self._pgdata = pgdata

    @contextmanager
    def cpu(self) -> Iterator[Cpu]:
        """Filled in at the end of the block."""
        used, before = Cpu(), (self._waygps(), self._postgresql())
        yield used
        used.waygps = self._waygps() - before[0]
        used.postgresql = self._postgresql() - before[1]

    def memory_mb(self) -> float:
        """Resident megabytes of the server."""
        return float(self._server.memory_info().rss / MB)

    def _waygps(self) -> float:
        times = self._server.cpu_times()
        return float(times.user + times.system)

    def _postgresql(self) -> float:
        postmaster = Process(int((self._pgdata / "postmaster.pid").read_text().split()[0]))
        own = postmaster.cpu_times()
        # Of children that have ended, the postmaster has the times.
        return float(own.user + own.system + own.children_user + own.children_system) + sum(map(_cpu, postmaster.children()))


def _cpu(process: Process) -> float:
    try:
        times = process.cpu_times()
    except NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
