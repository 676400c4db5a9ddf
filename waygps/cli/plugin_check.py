"""``waygps plugin check FILE``: whether a vendor keeps what a decoder promises."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from waygps.conformance.loading import Unloadable, load, subject
from waygps.conformance.report import check as run
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IVendor


@click.command()
@click.argument("plugin")
@click.option("--mutations", default=100_000, show_default=True, type=click.IntRange(0), help="Mutated messages that are tried.")
@click.option("--seed", default=1, show_default=True, help="Another seed makes other mutations; the same one the same.")
def check(plugin: str, mutations: int, seed: int) -> None:
    """Run the conformance suite on a protocol file, or on an installed vendor by its name.

    It tries the vendor's samples: whether they come to what they say, split, merged, with garbage around them, mutated; whether
    buffer, memory and work are bounded, and whose it takes the messages for. The exit code is 1 where something is to be mended.

    \b
        waygps plugin check acme.py
        waygps plugin check teltonika --seed 7
    """
    reports = []
    for vendor in chosen(plugin):
        report = run(subject(vendor, mutations=mutations, seed=seed), _say)
        _say("")
        click.echo(report.text())
        reports.append(report)
    sys.exit(any(report.faults for report in reports))


def chosen(plugin: str) -> list[IVendor]:
    """The vendors of a file, or the installed one of this name."""
    path = Path(plugin)
    if path.suffix == ".py" or path.exists():
        try:
            return load(path)
        except Unloadable as error:
            raise click.ClickException(str(error)) from None
    vendors = find_vendors()
    if plugin not in vendors:
        raise click.BadParameter(f"no file and no vendor {plugin}; there are: {', '.join(vendors)}", param_hint="PLUGIN")
    return [vendors[plugin].vendor]


def _say(group: str) -> None:
    """Where it is, for who waits at a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r{group + ' …' if group else '':<40}\r", nl=False, err=True)
