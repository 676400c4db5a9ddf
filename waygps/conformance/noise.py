"""What is no message disturbs none, and becomes none."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from waygps.conformance.decoding import Outcome, decode, is_complete, of_sample
from waygps.conformance.subject import Finding, Subject
from waygps.vendor import Sample

GARBAGE = (
    b"\r\n",
    b"\0" * 16,
    b"\xff" * 7,
    b"\x7f\x01\x02\x03",
    b"GET / HTTP/1.1\r\nHost: gps\r\n\r\n",
    bytes.fromhex("16030100f1010000ed0303"),
    b"SSH-2.0-OpenSSH_9.2p1\r\n",
)
"""What is on the line of a receiver beside its messages: keepalives, ends of lines, scanners."""


def check(subject: Subject) -> Iterator[Finding]:
    """Garbage before and after, parts of messages, and what never ends."""
    yield from _garbage(subject)
    yield from _truncated(subject)
    yield from _pure_noise(subject)


def _garbage(subject: Subject) -> Iterator[Finding]:
    garbages = list(_garbages(subject.seed))
    lost = dict.fromkeys((name for name, _ in subject.texts), 0)
    for name, sample in subject.texts:
        whole = of_sample(subject.vendor, sample)
        follows = is_complete(subject.vendor, sample)
        for garbage in garbages:
            before = decode(subject.vendor, sample.transport, sample.device, [garbage + sample.data])
            if before.fault or before.places - whole.places:
                text = before.fault or f"it gives {len(before.fixes)} fixes, not all of them the sample's"
                yield Finding(f"{name}: with garbage before it: {text}", data=garbage + sample.data)
            lost[name] += before.places != whole.places
            if follows:
                yield from _garbage_after(subject, name, sample, whole, garbage)
    losing = [name for name, count in lost.items() if count]
    if losing:
        text = f"garbage before {', '.join(losing[:8])}{'…' if losing[8:] else ''} can cost the message"
        yield Finding(text, is_fault=False)


def _garbage_after(subject: Subject, name: str, sample: Sample, whole: Outcome, garbage: bytes) -> Iterator[Finding]:
    """A message that is complete is given, whatever follows it."""
    after = decode(subject.vendor, sample.transport, sample.device, [sample.data + garbage])
    if after.fault:
        yield Finding(f"{name}: with garbage after it: {after.fault}", data=sample.data + garbage)
    elif after.messages[: len(whole.messages)] != whole.messages or after.places != whole.places:
        text = f"{name}: garbage after it changes what it gives: {len(after.fixes)} fixes instead of {len(whole.fixes)}"
        yield Finding(text, data=sample.data + garbage)


def _truncated(subject: Subject) -> Iterator[Finding]:
    """Messages that break off. What has no checksum and needs no delimiter can be another position: that is only told."""
    strict = getattr(subject.vendor, "checksum", False)
    for name, sample in subject.texts:
        whole, others = of_sample(subject.vendor, sample), []
        for size in range(0, len(sample.data), max(1, len(sample.data) // 600)):
            part = decode(subject.vendor, sample.transport, sample.device, [sample.data[:size]])
            if part.places - whole.places:
                others.append(size)
            if part.fault or (others and strict):
                text = part.fault or "it gives another position, and the vendor has a checksum"
                yield Finding(f"{name}: broken off after {size} bytes: {text}", data=sample.data[:size])
                break
        if others and not strict:
            text = f"{name}: broken off it gives another position in {len(others)} cases, first after {others[0]} bytes"
            yield Finding(text, is_fault=False)


def _pure_noise(subject: Subject) -> Iterator[Finding]:
    random = Random(subject.seed)
    for transport in subject.vendor.transports:
        if transport == "http":
            continue
        for _ in range(300):
            data = random.randbytes(random.choice((1, 7, 60, 400, 2000)))
            outcome = decode(subject.vendor, transport, "1", [data])
            if outcome.fault or outcome.fixes:
                text = outcome.fault or f"gives {len(outcome.fixes)} fixes"
                yield Finding(f"random bytes over {transport}: the decoder {text}", data=data)


def _garbages(seed: int) -> Iterator[bytes]:
    yield from GARBAGE
    random = Random(seed)
    for size in (1, 3, 30, 300):
        yield random.randbytes(size)
