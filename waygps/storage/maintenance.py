"""Deletes and compacts old months once a day, in a process of its own: neither the event loop nor the GIL feels it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.config import History

FIRST = 300.0
"""Seconds from the start to the first time: a server that has just started has other things to do."""
DAY = 86_400.0
LONGEST = 4096
PATIENCE = 10.0
"""Seconds that a process has to end when it is told to."""


class _Lines:
    """Cuts what a process writes into lines of at most LONGEST bytes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rest = b""

    def received(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line[:LONGEST].decode(errors="replace").rstrip())
        self._rest = rest[:LONGEST]


class _Child(ProcessProtocol):
    """The process while it runs; ``ended`` fires with True where it did its work."""

    _log = Logger()

    def __init__(self, name: str) -> None:
        self._name = name
        self._out, self._err = _Lines(self.say), _Lines(self.say)
        self.ended: Deferred[bool] = Deferred()

    def say(self, line: str) -> None:
        """Note a line that the process wrote."""
        self._log.info("{name}: {line}", name=self._name, line=line)

    def outReceived(self, data: bytes) -> None:
        self._out.received(data)

    def errReceived(self, data: bytes) -> None:
        self._err.received(data)

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(reason.check(ProcessDone) is not None)


class Maintenance(Service):
    """Runs ``waygps cleanup`` and ``waygps compact``, one after the other; nothing where neither is configured."""

    _log = Logger()
    name = "maintenance"

    def __init__(self, reactor: Any, url: str, history: History, environment: Mapping[str, str]) -> None:
        self._reactor = reactor
        self._commands = commands(history)
        # In the environment, which only its owner can see: the URL may have a password.
        self._environment = {**environment, "WAYGPS_DATABASE_URL": url}
        self._daily = LoopingCall(self._run)
        self._daily.clock = reactor
        self._begin: Any = None
        self._child: Any = None
        self._ended: Deferred[bool] | None = None

    def startService(self) -> None:
        super().startService()
        if self._commands:
            self._begin = self._reactor.callLater(FIRST, self._daily.start, DAY)

    async def stopService(self) -> None:
        super().stopService()
        if self._begin and self._begin.active():
            self._begin.cancel()
        if self._daily.running:
            self._daily.stop()
        if self._ended:
            self._signal("TERM")
            forcing = self._reactor.callLater(PATIENCE, self._signal, "KILL")
            await _followed(self._ended)
            if forcing.active():
                forcing.cancel()

    async def _run(self) -> None:
        for command in self._commands:
            if self.running and not await self._spawn(command) and self.running:
                self._log.error("{command} did not do all its work; next try in a day", command=" ".join(command))

    def _spawn(self, command: Sequence[str]) -> Deferred[bool]:
        child = _Child(command[0])
        self._ended = child.ended
        child.ended.addCallback(self._cb_ended)
        arguments = [sys.executable, "-m", "waygps.cli", *command]
        self._child = self._reactor.spawnProcess(child, sys.executable, arguments, env=self._environment)
        return _followed(child.ended)

    def _cb_ended(self, is_done: bool) -> bool:
        self._ended = None
        return is_done

    def _signal(self, name: str) -> None:
        with suppress(ProcessExitedAlready):  # then its end is on the way
            self._child.signalProcess(name)


def commands(history: History) -> list[list[str]]:
    """What is to be run, by the settings: what is deleted need not be compacted before."""
    wanted = {"cleanup": history.keep_days, "compact": history.compact_after_days}
    return [[name, "--days", str(days)] for name, days in wanted.items() if days]


def _followed(deferred: Deferred[bool]) -> Deferred[bool]:
    """A Deferred of one's own that fires when the other does."""
    own: Deferred[bool] = Deferred()

    def pass_on(result: bool) -> bool:
        own.callback(result)
        return result

    deferred.addCallback(pass_on)
    return own
