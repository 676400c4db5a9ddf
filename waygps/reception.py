"""Puts receivers together: whose devices, under which limits, into which pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from waygps.ingest.auto import AnyVendor
from waygps.ingest.findings import Findings
from waygps.ingest.foreign import Attentive, Foreign
from waygps.ingest.guard import Guard
from waygps.ingest.http import over
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.sessions import SessionFactory
from waygps.ingest.share import Share
from waygps.ingest.strangers import Listener as Stranger
from waygps.ingest.strangers import Strangers
from waygps.ingest.tracing import Tracing
from waygps.ingest.vendors import Found
from waygps.interfaces import ISessionFactory, IVendor, Transport
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
        findings: Findings,
        strangers: Sequence[Stranger],
        tracing: Tracing,
    ) -> None:
        self._tracing = tracing
        self._findings = findings
        self._strangers = strangers
        self._reactor = reactor
        self._listener = listener
        self._vendors = vendors
        self._guard = guard
        self._pipeline = pipeline
        self._presence = presence
        self._unknown = unknown
        self._receiving: Iterable[ReceiverService] = ()

    def receiver(self, receiver: Receiver, share: Share) -> ReceiverService:
        """The service of this receiver, not started; ``share`` counts what it holds."""
        ward, sessions = self._guard.ward(receiver), self._sessions(share, receiver, receiver.vendor)
        served = self._served(receiver, share)
        passing = ward.passing(sessions) if receiver.transport == "UDP" else sessions
        return ReceiverService(self._listener, receiver, served, passing, ward)

    def _served(self, receiver: Receiver, share: Share) -> IVendor | AnyVendor:
        """The vendor of this receiver, or all of them, under the limits."""
        every = [found.vendor for found in self._vendors.values()]
        ward = self._guard.ward(receiver)
        strangers = Strangers(receiver.name, [self._findings.stranger, *self._strangers])

        def sessions(name: str) -> ISessionFactory:
            made = self._sessions(share, receiver, name)
            return ward.passing(made) if receiver.transport == "UDP" else ward.sessions(made)

        if receiver.vendor == AUTO.name:
            return AnyVendor(self._reactor, every, sessions, ward.factory, strangers)
        own = self._vendors[receiver.vendor].vendor
        if receiver.transport == "HTTP":
            return self._guard.vendor(over(receiver.transport, own, self._reactor), receiver)
        foreign = Foreign(self._reactor, receiver, every, sessions, self._port, self._findings, strangers)
        return self._guard.vendor(cast(IVendor, Attentive(own, foreign)), receiver)

    def follow(self, receiving: Iterable[ReceiverService]) -> None:
        """These are the receivers: where devices of another vendor belong is looked up among them."""
        self._receiving = receiving

    def _port(self, vendor: str, transport: Transport) -> int | None:
        """The port that devices of this vendor are to use."""
        opened = [service.receiver for service in self._receiving if not service.fault]
        wanted = vendor, transport.upper()
        return next((receiver.port for receiver in opened if (receiver.vendor, receiver.transport) == wanted), None)

    def _sessions(self, share: Share, receiver: Receiver, vendor: str) -> SessionFactory:
        origin = Origin(vendor, receiver.name, receiver.unknown or self._unknown)
        return SessionFactory(self._pipeline, share, origin, self._presence, tracer=self._tracing.tracer(receiver.name))
