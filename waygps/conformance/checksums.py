"""One wrong byte is noticed, where the protocol can notice it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from waygps.conformance.decoding import decode, of_sample
from waygps.conformance.subject import Finding, Subject

CHANGES = 4
"""Other values that each byte is given."""


def check(subject: Subject) -> Iterator[Finding]:
    """Every byte of every report changed: no position other than the sample's, if the vendor has a checksum."""
    strict = getattr(subject.vendor, "checksum", False)
    tried = wrong = 0
    for name, sample in subject.texts:
        whole = of_sample(subject.vendor, sample)
        for place, mutant in _flipped(sample.data, subject.seed) if whole.places else ():
            outcome = decode(subject.vendor, sample.transport, sample.device, [mutant])
            tried += 1
            wrong += (is_other := bool(outcome.places - whole.places))
            if outcome.fault:
                yield Finding(f"{name}: with byte {place} changed: {outcome.fault}", data=mutant)
            elif is_other and strict:
                yield Finding(f"{name}: with byte {place} changed it gives another position despite its checksum", data=mutant)
    if tried and not strict:
        text = f"of {tried} single wrong bytes {wrong} gave another position (Vendor(checksum=True): every report has one)"
        yield Finding(text, is_fault=False)


def _flipped(data: bytes, seed: int) -> Iterator[tuple[int, bytes]]:
    random = Random(seed)
    places = range(len(data)) if len(data) <= 1000 else sorted(random.sample(range(len(data)), 1000))
    for place in places:
        for change in (1 << random.randrange(8), *(random.randrange(1, 256) for _ in range(CHANGES - 1))):
            yield place, data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]
