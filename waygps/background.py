"""One thread for what may block, such as writing to a disk that hangs; what waits for it is bounded."""

from __future__ import annotations

from collections.abc import Callable
from queue import Full, Queue
from threading import Thread

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import Logger

MOST = 10_000
"""Calls that may wait."""
PATIENCE = 5.0
"""Seconds that a stop waits for those that do."""


class Background(Service):
    """Makes calls one after the other, in the order in which they came."""

    _log = Logger()
    name = "background"

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self._calls: Queue[Callable[[], object] | None] = Queue(most)
        self._patience = patience
        self._thread: Thread | None = None

    def startService(self) -> None:
        super().startService()
        self._thread = Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        thread, self._thread = self._thread, None
        return deferToThread(self._finish, thread) if thread is not None else None

    def call(self, call: Callable[[], object]) -> bool:
        """Have this called, at once where the service does not run. False: too much waits, it will not be called."""
        if self._thread is None:
            call()
            return True
        try:
            self._calls.put_nowait(call)
        except Full:
            return False
        return True

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception:
                self._log.failure("{call} failed", call=call)

    def _finish(self, thread: Thread) -> None:
        try:
            self._calls.put(None, timeout=self._patience)
        except Full:
            return
        thread.join(self._patience)
