"""The page about a vendor, made of the vendor itself: what it says here is what the code does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Any

from msgspec import json

from waygps import events
from waygps.conformance.subject import shown
from waygps.ingest.vendors import Found
from waygps.interfaces import IRecognises, IVendor
from waygps.vendor import Sample

POINTING = {
    "tcp": "Over TCP: set the server to the address of this machine and the port to {port}. The connection may stay open.",
    "udp": "Over UDP: the same address, port {port}. Each datagram is answered to where it came from.",
    "http": "Over HTTP: the URL is `http://SERVER:{port}/`, with the path and parameters that the device or app has by itself.",
}


def page(found: Found) -> str:
    """Markdown: the devices, the port, how to point a device here, what is understood, messages with what they come to."""
    parts = [*_head(found.vendor), *_abilities(found), *_samples(found.vendor)]
    return "\n".join(parts).rstrip() + "\n"


def index(found: dict[str, Found]) -> str:
    """The list of all pages."""
    rows = [
        f"| [{one.vendor.title}]({name}.md) | {one.vendor.maker} | {' '.join(one.vendor.transports)} | {one.vendor.port} |"
        for name, one in found.items()
    ]
    head = [
        "# Vendors",
        "",
        "Made by `make docs-vendors` from the vendors themselves.",
        "",
        "| protocol | maker | transports | port |",
    ]
    return "\n".join([*head, "|---|---|---|---|", *rows]) + "\n"


def _head(vendor: IVendor) -> Iterator[str]:
    yield from (f"# {vendor.title}", "")
    yield from ("Made by `make docs-vendors` from the vendor itself.", "")
    yield f"Maker: {vendor.maker}. Name in commands and tables: `{vendor.name}`."
    models = getattr(vendor, "models", ())
    if models:
        yield from ("", fill(f"Devices: {', '.join(models)}.", 130, break_long_words=False))
    opened = "open at the first start" if vendor.active else "off until it is switched on: `waygps receivers start NAME`"
    yield from (
        "",
        "## Pointing a device here",
        "",
        f"Port {vendor.port}, {opened}. `waygps receivers` changes port and state.",
        "",
    )
    yield from (f"* {POINTING[transport].format(port=vendor.port)}" for transport in vendor.transports)
    yield ""


def _abilities(found: Found) -> Iterator[str]:
    vendor = found.vendor
    own = IRecognises(vendor, None)
    is_sure = own is not None and not own.guesses
    is_simulated = any(vendor.encoder("350000000000001", one) for one in vendor.transports if one != "http")
    yield from ("## What it can do", "")
    if vendor.transports != ("http",):
        yield f"* Known by its first bytes on a receiver of type `auto`: {'yes' if is_sure else 'only by trying its decoder'}."
    if getattr(vendor, "checksum", False):
        yield "* Every report has a checksum: what was damaged on the way is never a position."
    if is_simulated:
        yield f"* Simulated: `waygps simulate --vendor {vendor.name}`."
    raised = events_of(Path(found.path))
    if raised:
        yield f"* Events: {', '.join(f'`{name}`' for name in raised)}."
    yield ""


def events_of(path: Path) -> list[str]:
    """The events that a vendor's file names as ``events.NAME``, or one beside it from which it imports; sorted."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "events"}
    found = {getattr(events, name) for name in named if isinstance(getattr(events, name, None), str)}
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    parts = [path.with_name(f"{name.removeprefix('protocols.')}.py") for name in modules if name.startswith("protocols.")]
    return sorted(found.union(*(events_of(part) for part in parts if part.is_file())))


def _samples(vendor: IVendor) -> Iterator[str]:
    samples: tuple[Sample, ...] = tuple(getattr(vendor, "samples", ()))
    if not samples:
        return
    yield from ("## Messages", "")
    for sample in samples:
        yield from (f"Over {sample.transport}:", "", f"    {_sent(sample)}", "")
        if sample.reply:
            yield from (f"answered `{shown(sample.reply)}`" + (":" if sample.fixes else "."), "")
        if sample.fixes:
            yield from ("```json", *(_fields(fix) for fix in sample.fixes), "```", "")


def _fields(fix: dict[str, Any]) -> str:
    return json.encode(fix).decode()


def _sent(sample: Sample) -> str:
    if sample.request is None:
        return shown(sample.data, 400)
    request = sample.request
    query = "&".join(f"{key}={value}" for key, values in request.query.items() for value in values)
    return f"{request.method} {request.path}{'?' if query else ''}{query} {shown(request.body, 400)}".rstrip()
