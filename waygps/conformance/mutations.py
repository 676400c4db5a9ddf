"""Mutated messages: whatever comes, nothing but messages and DecodeErrors. What has a new effect is mutated further."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from waygps.conformance.decoding import Outcome, decode, guarded
from waygps.conformance.mutants import ALL, KEEPING, mutant
from waygps.conformance.seals import Seal, find
from waygps.conformance.splitting import difference
from waygps.conformance.subject import Finding, Subject
from waygps.errors import DecodeError
from waygps.interfaces import IRecognises, IVendor, Transport, Verdict

MOST_KEPT = 400
"""Mutants that are mutated further, beside the samples."""
SPLIT_EVERY, ASK_EVERY = 4, 16
_DETAIL = re.compile(r"[0-9a-f]*\d[0-9a-f]*|'[^']*'")
Seed = tuple[bytes, Transport, str, Seal | None]
"""A message, over what, of which device, and its checksum."""


def check(subject: Subject) -> Iterator[Finding]:
    """As many mutants as the subject says."""
    if not any(transport != "http" for transport in subject.vendor.transports):
        return
    fuzzing = Fuzzing(subject)
    for _ in range(subject.mutations):
        if finding := fuzzing.step():
            yield finding


class Fuzzing:
    """Makes one mutant after the other; those that make the decoder do what none did before join the samples."""

    def __init__(self, subject: Subject) -> None:
        self._vendor: IVendor = subject.vendor
        self._random = Random(subject.seed)
        self._seeds = _seeds(subject) or [(b"\0", one, "1", None) for one in subject.vendor.transports if one != "http"]
        self._most = len(self._seeds) + MOST_KEPT
        self._texts = [data for data, *_ in self._seeds]
        self._seen: set[object] = set()
        self._told: set[str] = set()
        self._count = 0

    def step(self) -> Finding | None:
        """One more mutant; gives what is wrong, each kind once."""
        self._count += 1
        data, transport, device, seal = self._random.choice(self._seeds)
        kinds = KEEPING if seal and self._random.random() < 0.7 else ALL
        changed = mutant(data, self._random, self._texts, kinds)
        if seal and self._random.random() < 0.8:
            changed = seal.put(changed)
        outcome = decode(self._vendor, transport, device, [changed])
        self._keep((changed, transport, device, seal), outcome)
        text = outcome.fault or self._split(changed, transport, device, outcome) or self._asked(changed, transport)
        kind = _DETAIL.sub("", text)
        if not text or kind in self._told:
            return None
        self._told.add(kind)
        return Finding(
            f"a mutated message over {transport}: the decoder {text}", data=changed, transport=transport, device=device
        )

    def _keep(self, seed: Seed, outcome: Outcome) -> None:
        effect = _effect(outcome)
        if effect not in self._seen and len(self._seeds) < self._most and seed[0]:
            self._seeds.append(seed)
            self._texts.append(seed[0])
        self._seen.add(effect)

    def _split(self, data: bytes, transport: Transport, device: str, whole: Outcome) -> str:
        if self._count % SPLIT_EVERY or transport != "tcp" or len(data) < 2:
            return ""
        places = sorted(self._random.randrange(1, len(data)) for _ in range(self._random.choice((1, 2, 5))))
        pieces = [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]
        text = difference(whole, decode(self._vendor, transport, device, pieces))
        return f"split at {', '.join(map(str, places))} {text}" if text else ""

    def _asked(self, data: bytes, transport: Transport) -> str:
        own = IRecognises(self._vendor, None)
        if self._count % ASK_EVERY or own is None:
            return ""
        try:
            verdict, fault = guarded(lambda: own.recognises(data, transport))
        except DecodeError as error:
            return f"'s recognises raises DecodeError: {error}"
        return f"'s recognises {fault or f'gives {verdict!r}'}" if fault or not isinstance(verdict, Verdict) else ""


def _effect(outcome: Outcome) -> object:
    """What the decoder did, without the values: what it said, and which fields it found."""
    said = {_DETAIL.sub("", text) for message in outcome.messages for text in (*message.warnings, message.unreadable)}
    fields = {name for fix in outcome.fixes[:2] for name in (*fix.attributes, fix.alarm)}
    return (
        _DETAIL.sub("", outcome.error),
        frozenset(said),
        frozenset(fields),
        min(3, len(outcome.messages)),
        min(3, len(outcome.fixes)),
    )


def _seeds(subject: Subject) -> list[Seed]:
    """The samples, and the single frames in them, with their checksums."""
    found: dict[tuple[bytes, Transport], str] = {}
    for _, sample in subject.texts:
        outcome = decode(subject.vendor, sample.transport, sample.device, [sample.data])
        device = sample.device or next((message.device for message in outcome.messages if message.device), "1")
        for data in (sample.data, *(message.raw for message in outcome.messages)):
            if data:
                found.setdefault((data, sample.transport), device)
    frames = tuple(data for data, _ in found)[:20]
    return [(data, transport, device, find(data, frames)) for (data, transport), device in found.items()]
