"""HTTP requests: what a vendor whose devices speak HTTP makes of its samples, of others', and of mutated ones."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from msgspec.structs import replace

from waygps.conformance.decoding import Outcome, guarded, malformed, timed
from waygps.conformance.meaning import mistakes
from waygps.conformance.mutants import mutant
from waygps.conformance.subject import Finding, Subject
from waygps.errors import DecodeError
from waygps.interfaces import IRequests, IVendor
from waygps.request import Request

SHARE = 4
"""A request takes several times as long as a frame: so many fewer of them are tried."""


def check(subject: Subject) -> Iterator[Finding]:
    """Samples that are requests, those of the others, and mutants."""
    if "http" in subject.vendor.transports or any(subject.asked):
        yield from _samples(subject)
        yield from _others(subject)
        yield from _mutated(subject)


def answer(vendor: IVendor, request: Request) -> Outcome:
    """What a request comes to."""
    try:
        messages, fault = guarded(lambda: list(IRequests(vendor).messages(request)))
    except DecodeError as error:
        return Outcome((), str(error) or "no reason given")
    fault = fault or next((text for text in map(malformed, messages) if text), "")
    return Outcome((), "", fault) if fault else Outcome(tuple(map(timed, messages)))


def claims(vendor: IVendor, request: Request) -> tuple[bool, str]:
    """Whether the vendor says that the request is its device's, and its fault."""
    own = IRequests(vendor, None)
    try:
        said, fault = guarded(lambda: own.claims(request) if own else False)
    except DecodeError:
        return False, "raises DecodeError"
    return bool(said), fault


def _samples(subject: Subject) -> Iterator[Finding]:
    for name, sample in subject.asked:
        assert sample.request is not None
        for text in mistakes(sample, answer(subject.vendor, sample.request)):
            yield Finding(f"{name}: {text}")
        said, fault = claims(subject.vendor, sample.request)
        if fault or not said:
            yield Finding(f"{name}: claims {fault or 'says that it is not its own'}")
        for other in subject.others:
            if claims(other, sample.request)[0]:
                yield Finding(f"{name}: is claimed by {other.name} too")


def _others(subject: Subject) -> Iterator[Finding]:
    for other in subject.others:
        for sample in getattr(other, "samples", ()):
            if sample.request is not None:
                said, fault = claims(subject.vendor, sample.request)
                if fault or said:
                    yield Finding(f"{other.name}'s request {sample.request.path}: claims {fault or 'says that it is its own'}")


def _mutated(subject: Subject) -> Iterator[Finding]:
    random, told = Random(subject.seed), set[str]()
    requests = [sample.request for _, sample in subject.asked if sample.request is not None]
    for _ in range(subject.mutations // SHARE if requests else 0):
        changed = _changed(random.choice(requests), random)
        text = answer(subject.vendor, changed).fault or claims(subject.vendor, changed)[1]
        if text and text not in told:
            told.add(text)
            yield Finding(f"a mutated request: it {text}: {changed!r}"[:600])


def _changed(request: Request, random: Random) -> Request:
    """This request with one part changed."""
    part = random.choice(("body", "body", "query", "query", "query", "keys", "lost", "headers", "method", "path"))
    query = {key: list(values) for key, values in request.query.items()}
    if part == "body" and request.body:
        return replace(request, body=mutant(request.body, random, [request.body]))
    if part in ("query", "keys", "lost") and query:
        key = random.choice(list(query))
        values = query.pop(key)
        if part == "query":
            # As in a Request: values that are empty are left out, and a key without any too.
            query |= {key: changed} if (changed := [text for value in values if (text := _text(value, random))]) else {}
        elif part == "keys":
            query[_text(key, random)] = values
        return replace(request, query=query)
    if part == "headers":
        return replace(
            request, headers={key: _text(value, random) for key, value in request.headers.items() if random.random() < 0.8}
        )
    if part == "method":
        return replace(request, method=random.choice(("GET", "POST", "PUT", "HEAD", "OPTIONS", "")))
    return replace(request, path=_text(request.path, random))


def _text(value: str, random: Random) -> str:
    return mutant(value.encode() or b"0", random, [b"1"]).decode("utf-8", random.choice(("replace", "ignore")))
