"""A receiver of all vendors knows its messages for its own, and no other's."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from waygps.conformance.decoding import guarded
from waygps.conformance.noise import GARBAGE
from waygps.conformance.subject import Finding, Subject
from waygps.ingest.sniff import Sniffer, by_decoder
from waygps.interfaces import IRecognises, IVendor, Transport, Verdict
from waygps.vendor import Sample

MOST_BYTES = 400
"""Bytes of a message after each of which the verdict is asked for."""
STRANGERS = (
    *GARBAGE,
    b"220 mail ESMTP\r\n",
    b"\0\0\0\x2f\xffSMBr\0\0\0\0",
    b'{"jsonrpc": "2.0", "id": 1, "method": "login"}\n',
    b"",
)


def check(subject: Subject) -> Iterator[Finding]:
    """Its own samples, those of the others, and strangers."""
    yield from _own(subject)
    yield from _others(subject)
    yield from _strangers(subject)


def verdict(vendor: IVendor, data: bytes, transport: Transport) -> tuple[Verdict, str]:
    """What the vendor says of these bytes, and its fault."""
    own = IRecognises(vendor, None)
    said, fault = guarded(lambda: own.recognises(data, transport) if own else by_decoder(vendor, data, transport))
    if fault or not isinstance(said, Verdict):
        return Verdict.NO, fault or f"gives {said!r}, which is no Verdict"
    return said, ""


def _own(subject: Subject) -> Iterator[Finding]:
    for name, sample in subject.texts:
        yield from _final(subject, name, sample)
        sniffer = Sniffer([subject.vendor, *subject.others], sample.transport)
        sniffer.feed(sample.data)
        if sniffer.vendor is None:
            claimants = sniffer.names
            sniffer.finish()
            whose = f"is claimed by {' and '.join(claimants)}" if len(claimants) > 1 else "is recognised by nobody"
        if sniffer.vendor is None:
            # What follows a login need not be known by itself: the connection is known by then.
            yield Finding(f"{name}: {whose}", is_fault=not sample.device, data=sample.data)
        elif sniffer.vendor is not subject.vendor:
            yield Finding(f"{name}: is taken for {sniffer.vendor.name}'s", data=sample.data)


def _final(subject: Subject, name: str, sample: Sample) -> Iterator[Finding]:
    """YES and NO do not change with what follows."""
    decided = Verdict.MORE
    sizes = range(min(len(sample.data), MOST_BYTES) + 1) if sample.transport == "tcp" else (len(sample.data),)
    for size in sizes:
        said, fault = verdict(subject.vendor, sample.data[:size], sample.transport)
        if fault or (decided is not Verdict.MORE and said is not decided):
            text = fault or f"says {decided.name} first, and {said.name} after {size} bytes: YES and NO are final"
            yield Finding(f"{name}: recognises {text}", data=sample.data[:size])
            return
        decided = said


def _others(subject: Subject) -> Iterator[Finding]:
    for other in subject.others:
        for sample in getattr(other, "samples", ()):
            if sample.request is not None or sample.transport not in subject.vendor.transports:
                continue
            for size in range(min(len(sample.data), MOST_BYTES) + 1):
                said, fault = verdict(subject.vendor, sample.data[:size], sample.transport)
                if fault or said is Verdict.YES:
                    yield Finding(f"{other.name}'s message: recognises {fault or 'says YES'}", data=sample.data[:size])
                    break


def _strangers(subject: Subject) -> Iterator[Finding]:
    random = Random(subject.seed)
    noise = [random.randbytes(random.choice((1, 4, 20, 300))) for _ in range(300)]
    for transport in subject.vendor.transports:
        if transport == "http":
            continue
        for data in (*STRANGERS, *noise):
            said, fault = verdict(subject.vendor, data, transport)
            if fault or said is Verdict.YES:
                yield Finding(f"what is nobody's over {transport}: recognises {fault or 'says YES'}", data=data)
