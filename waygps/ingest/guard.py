"""Any vendor's connections under limits. A sweep over all of them, every few seconds, closes those that are overdue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import directlyProvides, providedBy

from waygps.config import Limits
from waygps.ingest.files import Files
from waygps.ingest.journal import Journal
from waygps.ingest.limits import Addresses, Gate
from waygps.ingest.ward import Ward
from waygps.interfaces import ISessionFactory, IVendor
from waygps.storage.receivers import Receiver

LONGEST_PAUSE = 10.0
"""Seconds between two sweeps, at most; a connection is closed up to two sweeps after its time."""


class GuardedVendor:
    """A vendor whose TCP connections are under limits; all else of it, and what it provides, is as it was."""

    def __init__(self, vendor: IVendor, ward: Ward) -> None:
        self._vendor = vendor
        self._ward = ward
        directlyProvides(self, providedBy(vendor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vendor, name)

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        return self._ward.factory(self._vendor.factory(self._ward.sessions(sessions)))


class Guard(Service):
    """The limits of all receivers, and the sweep over their connections."""

    _log = Logger()
    name = "guard"

    def __init__(self, reactor: Any, limits: Limits, journal: Journal, files: Files, is_deaf: Callable[[], bool]) -> None:
        self._reactor = reactor
        self._files = files
        self._limits = limits
        self._journal = journal
        self._is_deaf = is_deaf
        self._addresses = Addresses(limits, reactor.seconds)
        self._wards: dict[int, Ward] = {}
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = reactor

    def ward(self, receiver: Receiver) -> Ward:
        """The connections of this receiver, under its limits; one that is opened anew goes on with its counters."""
        if receiver.id not in self._wards:
            gate = Gate(receiver.name, self._limits, self._addresses, self._files, self._reactor.seconds)
            self._wards[receiver.id] = Ward(gate, self._limits, self._journal, self._reactor)
        ward = self._wards[receiver.id]
        ward.allow(receiver)
        return ward

    def vendor(self, vendor: IVendor, receiver: Receiver) -> IVendor:
        """The vendor as this receiver is to have it."""
        return cast(IVendor, GuardedVendor(vendor, self.ward(receiver)))

    def gates(self) -> list[Gate]:
        """For who shows the counters."""
        return [ward.gate for ward in self._wards.values()]

    def startService(self) -> None:
        super().startService()
        self._files.compare(self._limits.connections_receiver)
        times = [seconds for seconds in (self._limits.first_message, self._limits.idle) if seconds]
        self._sweeping.start(min([LONGEST_PAUSE, *(seconds / 4 for seconds in times)]), now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._sweeping.running:
            self._sweeping.stop()

    def _sweep(self) -> None:
        is_deaf = self._is_deaf()
        self._files.look()
        for ward in self._wards.values():
            try:
                ward.sweep(is_deaf)
            except Exception:  # one receiver's fault is not the others', and the next sweep comes
                self._log.failure("the connections of {receiver} were not looked at", receiver=ward.receiver)
