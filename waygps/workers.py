"""Several server processes on the same ports, started and watched by one that serves nothing itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.runner.procmon import ProcessMonitor

from waygps.config import Configuration

TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=", "waygps"]
MARGIN = 10
"""Seconds beyond ingest.drain_timeout that a worker has to end before it is killed."""


def directory_of(data_dir: Path, worker: int) -> Path:
    """Where the worker of this number, from 0, keeps its spool and its log."""
    return data_dir / f"worker-{worker}"


class Workers(ProcessMonitor):
    """Runs ``configuration.workers`` processes; one that dies is started again at once, or, where that goes on, ever later.

    Their log lines are this process's, with the worker's number. Stopping waits for them to end.
    """

    name = "workers"
    maxRestartDelay = 30  # noqa: N815

    def __init__(self, reactor: Any, configuration: Configuration, url: str, file: Path | None) -> None:
        super().__init__(reactor)
        self.killTime = int(configuration.ingest.drain_timeout) + MARGIN
        command = [*TWISTD, *(["--config", str(file)] if file else [])]
        environment = _environment(configuration, url, os.environ)
        for number in range(configuration.workers):
            self.addProcess(f"worker {number}", [*command, "--worker", str(number)], env=environment)

    def stopService(self) -> Deferred[Any]:  # type: ignore[override]  # it is waited for
        super().stopService()
        waiting = LoopingCall(self._look)
        waiting.clock = self._clock
        self._waiting = waiting
        return waiting.start(0.05)

    def _look(self) -> None:
        if not self.protocols:
            self._waiting.stop()


def _environment(configuration: Configuration, url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What a worker needs to know beyond the configuration file: what came by the command line, or is known only here."""
    return {
        **environment,
        "WAYGPS_DATABASE_URL": url,
        "WAYGPS_DATA_DIR": str(configuration.data_dir),
        "WAYGPS_WEB_PORT": str(configuration.web.port),
        "WAYGPS_SIMULATE": "0",
    }
