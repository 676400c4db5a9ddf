"""``make bench-decode``: how many fixes a second each vendor decodes on one core, from its captured messages and samples.

Every message has a decoder of its own, as a datagram has: a connection does a little less.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct, json

from benchmarks.store import RESULTS
from tests.protocols.frames import FRAMES, frames
from waygps import __version__
from waygps.conformance.decoding import of_sample
from waygps.errors import DecodeError
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IRequests, IVendor
from waygps.request import request
from waygps.vendor import Sample

SECONDS = 1.0
"""Of the processor, for each of three runs of a vendor; the best counts."""
RUNS = 3
GOAL = 20_000


class Speed(Struct, frozen=True):
    """A vendor's figures."""

    messages: int
    """Different messages that were decoded over and over."""
    fixes_per_s: int
    us_per_fix: float


def messages(vendor: IVendor) -> list[Sample]:
    """The vendor's captured messages and samples that come to fixes."""
    given = list(getattr(vendor, "samples", ()))
    for frame in frames(vendor.name) if (FRAMES / f"{vendor.name}.jsonl").exists() else ():
        if frame.checksum_ok is False:
            continue
        asked = frame.request
        made = request(asked["method"], asked["uri"], asked.get("headers"), (asked.get("body") or "").encode()) if asked else None
        given.append(Sample(data=frame.data, request=made, transport=frame.transport, device=frame.device or "1"))
    return [sample for sample in given if _fixes(vendor, sample)]


def _fixes(vendor: IVendor, sample: Sample) -> int:
    if sample.request is None:
        outcome = of_sample(vendor, sample)
        return 0 if outcome.error or outcome.fault else len(outcome.fixes)
    try:
        return sum(len(message.fixes) for message in IRequests(vendor).messages(sample.request))
    except DecodeError:
        return 0


def _decode(vendor: IVendor, samples: list[Sample]) -> int:
    fixes = 0
    for sample in samples:
        if sample.request is None:
            decoder = vendor.decoder(sample.transport, sample.device)
            fixes += sum([len(message.fixes) for message in decoder.feed(sample.data)])
            fixes += sum([len(message.fixes) for message in decoder.end()])
        else:
            fixes += sum([len(message.fixes) for message in IRequests(vendor).messages(sample.request)])
    return fixes


def speed(vendor: IVendor, seconds: float = SECONDS, clock: Callable[[], float] = time.process_time) -> Speed | None:
    """Measure a vendor; None where it has no message with a fix."""
    samples = messages(vendor)
    if not samples:
        return None
    rates = []
    for _ in range(RUNS):
        begun, fixes = clock(), 0
        while clock() - begun < seconds:
            fixes += _decode(vendor, samples)
        rates.append(fixes / (clock() - begun))
    return Speed(len(samples), round(max(rates)), round(1e6 / max(rates), 2))


def main() -> None:
    """Measure all vendors, print, keep JSON; ends with 1 where one is slower than the goal."""
    found = {name: speed(one.vendor) for name, one in find_vendors().items()}
    speeds = {name: one for name, one in found.items() if one}
    for name, one in speeds.items():
        slow = "" if one.fixes_per_s >= GOAL else f"   slower than {GOAL:,}"
        print(f"{name:<20} {one.fixes_per_s:10,} fixes/s {one.us_per_fix:8.2f} us a fix   {one.messages:4} messages{slow}")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"decode-{when.replace(':', '')}.json"
    path.write_bytes(json.format(json.encode({"when": when, "version": __version__, "vendors": speeds})))
    print(f"kept in {os.path.relpath(path)}")
    sys.exit(any(one.fixes_per_s < GOAL for one in speeds.values()))


if __name__ == "__main__":
    main()
