"""What a vendor has to have before anything can be tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zope.interface import Interface, Invalid
from zope.interface.verify import verifyObject

from waygps.conformance.subject import Finding, Subject
from waygps.ingest.vendors import lacks
from waygps.interfaces import IDecoder, IEncoder, IRecognises, IRequests, IVendor, Transport


def check(subject: Subject) -> Iterator[Finding]:
    """The interfaces, the attributes, the port, the samples."""
    if lack := lacks(subject.vendor):
        yield Finding(f"the vendor is incomplete: {lack}")
        return
    yield from _parts(subject)
    yield from _neighbours(subject)
    yield from _samples(subject)


def _parts(subject: Subject) -> Iterator[Finding]:
    for transport in subject.vendor.transports:
        for interface, part in _of_transport(subject.vendor, transport):
            try:
                verifyObject(interface, part)
            except Invalid as error:
                yield Finding(f"over {transport}: {' '.join(str(error).split())}")


def _of_transport(vendor: IVendor, transport: Transport) -> Iterator[tuple[type[Interface], Any]]:
    if transport == "http":
        yield IRequests, IRequests(vendor, None)
        return
    yield IDecoder, vendor.decoder(transport, "")
    encoder = vendor.encoder("350000000000001", transport)
    if encoder is not None:
        yield IEncoder, encoder


def _neighbours(subject: Subject) -> Iterator[Finding]:
    vendor = subject.vendor
    for other in subject.others:
        if other.port == vendor.port and set(other.transports) & set(vendor.transports):
            yield Finding(f"port {vendor.port} is {other.title}'s too: of the two receivers one cannot be opened")
    own = IRecognises(vendor, None)
    if set(vendor.transports) != {"http"} and (own is None or own.guesses):
        yield Finding("no recognises: only what its decoder makes of the bytes tells them from others'", is_fault=False)


def _samples(subject: Subject) -> Iterator[Finding]:
    if not subject.samples:
        yield Finding("no samples: nothing can be tried on messages of its own (Vendor(samples=(Sample(...), ...)))")
    elif not any(sample.fixes for sample in subject.samples):
        yield Finding("no sample has fixes: nothing shows that a position is read right")
    for transport in sorted(set(subject.vendor.transports) - {sample.transport for sample in subject.samples}):
        yield Finding(f"no sample over {transport}", is_fault=False)
