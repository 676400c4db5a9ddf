"""Its samples come to what they say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import isclose
from typing import Any

from waygps.conformance.decoding import Outcome, of_sample
from waygps.conformance.subject import Finding, Subject
from waygps.fix import Fix
from waygps.vendor import Sample

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check(subject: Subject) -> Iterator[Finding]:
    """The samples of bytes."""
    for name, sample in subject.texts:
        for text in mistakes(sample, of_sample(subject.vendor, sample)):
            yield Finding(f"{name}: {text}", data=sample.data)


def mistakes(sample: Sample, outcome: Outcome) -> Iterator[str]:
    """In what the outcome is not what the sample says."""
    if outcome.fault:
        yield outcome.fault
        return
    if outcome.error and (sample.fixes or sample.reply):
        yield f"is refused: {outcome.error}"
    fixes = outcome.fixes
    if len(fixes) != len(sample.fixes):
        yield f"gives {len(fixes)} fixes, the sample says {len(sample.fixes)}"
    for at, (fix, said) in enumerate(zip(fixes, sample.fixes, strict=False)):
        yield from (f"fix {at}: {text}" for text in _differences(fix, said))
    if sample.reply is not None and outcome.replies != sample.reply:
        yield f"is answered {outcome.replies!r}, the sample says {sample.reply!r}"


def _differences(fix: Fix, said: dict[str, Any]) -> Iterator[str]:
    for name, value in said.items():
        if name not in Fix.__struct_fields__:
            yield f"{name} is no field of a Fix; attributes go into 'attributes': {{...}}"
            continue
        found = getattr(fix, name)
        if name == "time":
            found = iso(found)
            value = value.replace("+00:00", "Z") if value else value
            same = found == value or (found or "").replace(".000Z", "Z") == value
        elif name == "attributes":
            found = {key: found.get(key) for key in value}
            same = all(_equal(found[key], one) for key, one in value.items())
        else:
            same = _equal(found, value)
        if not same:
            yield f"{name} is {found!r}, the sample says {value!r}"


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float | int) and isinstance(other, float | int):
        return isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    return bool(one == other)


def iso(time: int | None) -> str | None:
    """A time as ISO 8601 in UTC with milliseconds; None where there is none."""
    if time is None:
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return f"{time} ms"
