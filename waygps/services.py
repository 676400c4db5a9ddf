"""Services that depend on each other: started one after the other, stopped in the opposite order, each waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure


class OrderedServices(MultiService):
    """The children start in the order they were added. One that fails to start stops the program, with the reason in the log."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self._reactor = reactor
        self._started: list[Any] = []

    def startService(self) -> None:
        Service.startService(self)  # not MultiService's, which starts all at once
        ensureDeferred(self._start()).addErrback(self._eb_start)

    def stopService(self) -> Deferred[None]:
        Service.stopService(self)
        return ensureDeferred(self._stop())

    async def _start(self) -> None:
        for service in list(self):
            if not self.running:
                break
            self._started.append(service)
            await maybeDeferred(service.startService)

    async def _stop(self) -> None:
        while self._started:
            service = self._started.pop()
            try:
                await maybeDeferred(service.stopService)
            except Exception:  # the others are still to be stopped
                self._log.failure("{service} did not stop", service=service.name)

    def _eb_start(self, failure: Failure) -> None:
        self._log.failure("{service} did not start: stopping", failure, service=self._started[-1].name)
        # Before the loop runs it cannot be stopped.
        self._reactor.callWhenRunning(self._reactor.stop)


class Greeting(Service):
    """Says something once everything before it has started."""

    name = "greeting"

    def __init__(self, say: Callable[[], object]) -> None:
        self._say = say

    def startService(self) -> None:
        super().startService()
        self._say()


def in_order(reactor: Any, services: Iterable[Service]) -> OrderedServices:
    """One service of all these, in this order."""
    ordered = OrderedServices(reactor)
    for service in services:
        service.setServiceParent(ordered)
    return ordered
