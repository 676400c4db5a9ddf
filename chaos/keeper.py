"""Keeps the server running as a service manager does, and looks at its health."""

from __future__ import annotations

import subprocess
import time
from http.client import HTTPException
from threading import Event, Lock, Thread
from typing import Any

from tests.system.server import Server

PERIOD = 0.1
"""Seconds between two looks."""
STOP_WITHIN = 30
"""Seconds that a stop may take."""


class Keeper:
    """Starts the server whenever it is wanted and does not run: killed, or ended by itself because PostgreSQL was away."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._lock, self._looking = Lock(), Lock()
        self._over = Event()
        self._thread = Thread(target=self._keep, daemon=True)
        self.starts = 0
        self.most_spooled = 0
        """The most fixes that were seen in the spool."""
        self.health: dict[str, Any] | None = None
        """What the health route said last; None: it did not answer."""
        self._asked = 0.0
        """When it was asked for that, as time.monotonic has it."""
        self._thread.start()

    @property
    def spooled(self) -> int:
        """Fixes in the spool, when last looked at."""
        return int((self.health or {}).get("spool", {}).get("fixes", 0))

    @property
    def is_full(self) -> bool:
        """Whether the spool was full, when last looked at."""
        return bool((self.health or {}).get("spool", {}).get("lleno"))

    def is_calm(self, since: float) -> bool:
        """Whether the server said after this moment (of time.monotonic) that it reaches PostgreSQL and the spool is empty."""
        asked, health = self._asked, self.health or {}
        return asked > since and health.get("base_de_datos") == "ok" and not self.spooled

    def want(self) -> None:
        """Start it, and start it again."""
        self._wanted = True

    def kill(self) -> None:
        """End it with -9, and leave it so until it is wanted."""
        with self._lock:
            self._wanted = False
            self.health = None
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def terminate(self) -> None:
        """Tell it to stop, and leave it so until it is wanted; it goes on stopping meanwhile."""
        with self._lock:
            self._wanted = False
            if self._process is not None:
                self._process.terminate()

    def stop(self) -> None:
        """Stop it as an operator does. TimeoutExpired where it does not."""
        self.terminate()
        if self._process is not None:
            self._process.wait(STOP_WITHIN)
        self.look()

    def close(self) -> None:
        """Look no more; nothing that was started survives."""
        self._over.set()
        self._thread.join(30)
        self.kill()

    def look(self) -> None:
        """Ask the server how it is."""
        with self._looking:  # one at a time, or an older answer may come last
            asked = time.monotonic()
            try:
                _, answer = self._server.request("GET", "/api/health")
                self.health, self._asked = dict(answer), asked
                self.most_spooled = max(self.most_spooled, self.spooled)
            except (OSError, HTTPException, ValueError, TypeError):  # it is not there, or went away while it answered
                self.health = None

    def _keep(self) -> None:
        while not self._over.wait(PERIOD):
            with self._lock:
                if self._wanted and (self._process is None or self._process.poll() is not None):
                    self._process = self._server.launch()
                    self.starts += 1
            self.look()
