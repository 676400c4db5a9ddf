"""Stopping: what was read becomes durable and is answered before the connections close."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.application.service import Service
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.ingest.valve import Valve

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Drain(Service):
    """Nothing more is read; what was read is committed and answered, for at most ``patience`` seconds or until another signal."""

    _log = Logger()
    name = "drain"

    def __init__(self, reactor: Any, valve: Valve, patience: float) -> None:
        self._reactor = reactor
        self._valve = valve
        self._patience = patience

    async def stopService(self) -> None:
        super().stopService()
        self._valve.shut()
        empty = self._valve.when_empty().addTimeout(self._patience, self._reactor)
        with self._hurried_by_signal(empty):
            if self._valve.held:
                self._log.info("{held} fixes are still to be stored; another signal ends the wait", held=self._valve.held)
            await empty.addErrback(self._eb_late)
        # A turn of the loop more, so that the last answers leave before the connections are closed.
        await deferLater(self._reactor, 0.05)

    @contextmanager
    def _hurried_by_signal(self, waiting: Deferred[None]) -> Iterator[None]:
        """A second SIGTERM, or Ctrl-C, ends the wait: nothing that was acknowledged is at stake."""
        before = [signal.signal(each, lambda *_: self._reactor.callFromThread(waiting.cancel)) for each in SIGNALS]
        try:
            yield
        finally:
            for each, handler in zip(SIGNALS, before, strict=True):
                signal.signal(each, handler)

    def _eb_late(self, failure: Failure) -> None:
        failure.trap(defer.TimeoutError, defer.CancelledError)
        self._log.warn("{held} fixes were not stored before the stop: they are not acknowledged", held=self._valve.held)
