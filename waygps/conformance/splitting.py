"""However the network splits and merges its messages, the same comes out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from random import Random

from waygps.conformance.decoding import Outcome, decode, is_complete, of_sample
from waygps.conformance.subject import Finding, Subject

MOST_PLACES = 600
"""Places of a sample at which it is split in two."""


def check(subject: Subject) -> Iterator[Finding]:
    """Every sample split anywhere, and all merged."""
    yield from _split(subject)
    yield from _merged(subject)


def _split(subject: Subject) -> Iterator[Finding]:
    random = Random(subject.seed)
    for name, sample in subject.texts:
        if sample.transport != "tcp":
            continue  # a datagram arrives whole
        data, whole = sample.data, of_sample(subject.vendor, sample)
        places = range(1, len(data)) if len(data) <= MOST_PLACES else sorted(random.sample(range(1, len(data)), MOST_PLACES))
        cuts = {f"split at byte {place}": [data[:place], data[place:]] for place in places}
        cuts = {"byte by byte": [bytes([byte]) for byte in data], **cuts}
        for how, pieces in cuts.items():
            if text := difference(whole, decode(subject.vendor, "tcp", sample.device, pieces)):
                yield Finding(f"{name}: {how} it {text}", data=data)
                break


def _merged(subject: Subject) -> Iterator[Finding]:
    """Samples of one connection that need no end to be complete: in one piece they give what they give one by one."""
    known = sorted((one for one in subject.texts if is_complete(subject.vendor, one[1])), key=lambda one: one[1].device)
    for device, same in groupby(known, lambda one: one[1].device):
        names, samples = zip(*same, strict=True)
        data = b"".join(sample.data for sample in samples)
        apart = [message for sample in samples for message in of_sample(subject.vendor, sample).messages]
        merged = decode(subject.vendor, "tcp", device, [data])
        if text := difference(Outcome(tuple(apart)), merged, is_merged=True):
            yield Finding(f"{', '.join(names)}: in one piece they {text}", data=data)


def difference(one: Outcome, other: Outcome, *, is_merged: bool = False) -> str:
    """In what the other outcome is not the one; "" for nothing. What is merged may know its device from an earlier message."""
    if other.fault:
        return other.fault
    if len(one.fixes) != len(other.fixes):
        return f"gives {len(other.fixes)} fixes, whole it gives {len(one.fixes)}"
    if one.fixes != other.fixes:
        return "gives other fixes"
    if one.replies != other.replies:
        return f"is answered {other.replies!r}, whole {one.replies!r}"
    if one.error != other.error:
        return f"is refused with {other.error!r}, whole with {one.error!r}"
    if not is_merged and one.messages != other.messages:
        return "gives messages with another device, raw, warnings, vitals or unreadable"
    return ""
