"""Puts receivers together: whose devices, under which limits, into which pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from waygps.ingest.auto import AnyVendor
from waygps.ingest.guard import Guard
from waygps.ingest.http import over
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.sessions import SessionFactory
from waygps.ingest.share import Share
from waygps.ingest.vendors import Found
from waygps.interfaces import IVendor
from waygps.origin import Origin, Policy
from waygps.pipeline.pipeline import Pipeline
from waygps.pipeline.presence import Presence
from waygps.ports import Listener
from waygps.storage.receivers import AUTO, Receiver


class Reception:
    """Makes the service of a receiver; ``unknown`` is the rule for devices that are not in moviles where it has none."""

    def __init__(
        self,
        reactor: Any,
        listener: Listener,
        vendors: Mapping[str, Found],
        guard: Guard,
        pipeline: Pipeline,
        presence: Presence,
        unknown: Policy,
    ) -> None:
        self._reactor = reactor
        self._listener = listener
        self._vendors = vendors
        self._guard = guard
        self._pipeline = pipeline
        self._presence = presence
        self._unknown = unknown

    def receiver(self, receiver: Receiver, share: Share) -> ReceiverService:
        """The service of this receiver, not started; ``share`` counts what it holds."""
        sessions = self._sessions(share, receiver, receiver.vendor)
        return ReceiverService(self._listener, receiver, self._served(receiver, share), sessions)

    def _served(self, receiver: Receiver, share: Share) -> IVendor | AnyVendor:
        """The vendor of this receiver, or all of them, under the limits."""
        if receiver.vendor != AUTO.name:
            served = over(receiver.transport, self._vendors[receiver.vendor].vendor, self._reactor)
            return self._guard.vendor(served, receiver.name)
        every = [found.vendor for found in self._vendors.values()]
        sessions = partial(self._sessions, share, receiver)
        if receiver.transport == "UDP":
            return AnyVendor(self._reactor, every, sessions)
        ward = self._guard.ward(receiver.name)
        return AnyVendor(self._reactor, every, lambda name: ward.sessions(sessions(name)), ward.factory)

    def _sessions(self, share: Share, receiver: Receiver, vendor: str) -> SessionFactory:
        origin = Origin(vendor, receiver.name, receiver.unknown or self._unknown)
        return SessionFactory(self._pipeline, share, origin, self._presence)
