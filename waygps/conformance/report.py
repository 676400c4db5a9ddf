"""All checks of a vendor, and what is told of them: a list of what to mend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec import Struct

from waygps.conformance import (
    asking,
    bounds,
    checksums,
    form,
    meaning,
    mutations,
    noise,
    pretending,
    recognition,
    splitting,
)
from waygps.conformance.decoding import guarded, watched
from waygps.conformance.subject import Check, Finding, Subject
from waygps.errors import DecodeError

CHECKS: dict[str, Check] = {
    "form": form.check,
    "samples": meaning.check,
    "splitting": splitting.check,
    "noise": noise.check,
    "checksum": checksums.check,
    "recognition": recognition.check,
    "bounds": bounds.check,
    "HTTP": asking.check,
    "simulated device": pretending.check,
    "mutations": mutations.check,
}
"""All groups of checks, in the order in which they are run and told."""
MOST_FAULTS = 5
"""Faults of one group after which it is not looked for more."""


class Report(Struct, frozen=True):
    """What the checks found, by their group."""

    name: str
    findings: dict[str, list[Finding]]
    samples: int
    mutations: int
    seconds: float

    @property
    def faults(self) -> list[str]:
        """What is to be mended, a line each."""
        return [f"{group}: {finding}" for group, found in self.findings.items() for finding in found if finding.is_fault]

    def text(self) -> str:
        """For a person."""
        tried = f"{self.name}: {self.samples} samples, {self.mutations:,} mutations, {self.seconds:.1f} s"
        faults = [f"  {number:2}. {text}" for number, text in enumerate(self.faults, 1)]
        head = [f"{tried}: {len(faults)} to mend" if faults else f"{tried}: nothing to mend", *faults]
        remarks = [f"   -  {finding}" for found in self.findings.values() for finding in found if not finding.is_fault]
        return "\n".join([*head, *(["  For information:"] if remarks else []), *remarks])


def check(subject: Subject, say: Callable[[str], None] = lambda group: None, groups: Iterable[str] = CHECKS) -> Report:
    """Run all checks, or these groups of them; ``say`` hears the group that is begun."""
    begun = time.monotonic()
    findings: dict[str, list[Finding]] = {}
    with watched():
        for group in groups:
            say(group)
            findings[group] = list(_found(CHECKS[group], subject))
            if group == "form" and any("incomplete" in finding.text for finding in findings[group]):
                break
    seconds = time.monotonic() - begun
    return Report(subject.vendor.name, findings, len(subject.samples), subject.mutations, seconds)


def _found(check: Check, subject: Subject) -> Iterator[Finding]:
    """The findings of one group, a few faults at most. What breaks the check itself is the vendor's fault too."""
    faults = 0
    findings = check(subject)
    while faults < MOST_FAULTS:
        try:
            found, fault = guarded(lambda: list(islice(findings, 1)))
        except DecodeError as error:
            found, fault = [], f"raises a DecodeError where none is allowed: {error}"
        if fault:
            yield Finding(f"the vendor {fault}")
        if fault or not found:
            return
        faults += found[0].is_fault
        yield found[0]
    yield Finding("there may be more of this group: it was not looked further", is_fault=False)
