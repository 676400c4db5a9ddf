"""``waygps plugin list``: every vendor that the server would find, and from where."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import click

import protocols
import waygps
from waygps.cli.database import configured, located
from waygps.cli.logged import told
from waygps.ingest.vendors import Found, find_vendors

LINE = "{:<16} {:<24} {:<12} {:>5}  {:<10} {}"


@click.command("list")
@located
@click.option("--protocol-dir", multiple=True, type=click.Path(path_type=Path), help="Directory with further protocol files.")
def list_(config: Path | None, data_dir: str | None, protocol_dir: tuple[Path, ...]) -> None:
    """Every vendor found, with its transports, usual port, version and file; on standard error what is wrong with others.

    It looks where the server does: in WayGPS itself, in installed distributions, in receivers.protocol_dirs of the configuration.
    """
    told()
    found = find_vendors((*configured(config, data_dir).receivers.protocol_dirs, *protocol_dir))
    click.echo(LINE.format("NAME", "TITLE", "TRANSPORTS", "PORT", "VERSION", "FROM"))
    for name, one in found.items():
        vendor = one.vendor
        transports = " ".join(vendor.transports)
        click.echo(LINE.format(name, vendor.title, transports, vendor.port, version(one) or "-", origin(one)).rstrip())


def origin(found: Found) -> str:
    """Where a vendor came from."""
    if _is_own(found):
        return "WayGPS"
    shipped = distribution(Path(found.path))
    return f"{shipped.name} ({found.path})" if shipped else found.path


def version(found: Found) -> str:
    """The ``__version__`` of its file, or that of the distribution that it came with; "" for none."""
    module = next((module for module in sys.modules.values() if getattr(module, "__file__", None) == found.path), None)
    own = getattr(module, "__version__", "")
    shipped = None if own or _is_own(found) else distribution(Path(found.path))
    return str(own or (waygps.__version__ if _is_own(found) else shipped.version if shipped else ""))


def distribution(path: Path) -> Distribution | None:
    """The installed distribution that this file belongs to."""
    for one in distributions():
        for file in one.files or ():
            if file.name == path.name and Path(str(one.locate_file(file))).resolve() == path.resolve():
                return one
    return None


def _is_own(found: Found) -> bool:
    return Path(found.path).parent == Path(str(protocols.__file__)).parent
