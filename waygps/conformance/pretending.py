"""The vendor's simulated device: what it sends is what the decoder reads."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose

from waygps.conformance.decoding import decode, guarded
from waygps.conformance.subject import Finding, Subject
from waygps.fix import Fix
from waygps.interfaces import IEncoder, Transport

DEVICE = "350000000000001"
_NOON = 1_795_521_600_000
FIXES = tuple(
    Fix(
        time=_NOON + 1000 * at,
        lat=lat,
        lon=lon,
        speed_kmh=40.0 + at,
        course_deg=10.0 * at,
        altitude_m=25.0,
        satellites=9,
        hdop=0.9,
        ignition=at % 2 == 0,
        battery_pct=90,
        odometer_km=1234.0 + at,
    )
    for at, (lat, lon) in enumerate(((-34.603722, -58.381592), (52.516275, 13.377704), (0.0001, -0.0001), (-0.5, 179.5)))
)
"""Four fixes, one in each quarter of the world."""


def check(subject: Subject) -> Iterator[Finding]:
    """The encoder, if there is one."""
    for transport in subject.vendor.transports:
        encoder = subject.vendor.encoder(DEVICE, transport) if transport != "http" else None
        if encoder is None:
            if transport != "http":
                yield Finding(f"no encoder over {transport}: it cannot be simulated (waygps simulate)", is_fault=False)
            continue
        yield from _reports(subject, transport, encoder)


def _reports(subject: Subject, transport: Transport, encoder: IEncoder) -> Iterator[Finding]:
    hello, fault = guarded(encoder.hello)
    for at in range(0, len(FIXES), encoder.most_fixes):
        if fault:
            break
        fixes = FIXES[at : at + encoder.most_fixes]
        data, fault = guarded(lambda fixes=fixes: encoder.report(fixes))  # type: ignore[misc]
        if not fault:
            pieces = [hello, data] if transport == "tcp" else [data]
            outcome = decode(subject.vendor, transport, "", pieces)
            found = [fix for fix in outcome.fixes if any(_same(fix, sent) for sent in fixes)]
            if outcome.fault or outcome.error or len(found) != len(fixes) or len(outcome.fixes) != len(fixes):
                text = outcome.fault or outcome.error or f"of {len(fixes)} fixes {len(found)} arrive where and when they were"
                yield Finding(f"what its encoder sends over {transport}: {text}", data=hello + data)
                return
    if fault:
        yield Finding(f"its encoder over {transport} {fault}")


def _same(one: Fix, other: Fix) -> bool:
    places = isclose(one.lat, other.lat, abs_tol=2e-5) and isclose(one.lon, other.lon, abs_tol=2e-5)
    return places and (one.time is None or one.time == other.time)
