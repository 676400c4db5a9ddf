"""``waygps plugin page``: the pages about the vendors, made of the vendors."""

from __future__ import annotations

from pathlib import Path

import click

from waygps.conformance.page import index, page
from waygps.ingest.vendors import find_vendors


@click.command("page")
@click.argument("name", required=False)
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Write NAME.md there, and README.md with all.")
@click.option("--protocol-dir", multiple=True, type=click.Path(path_type=Path), help="Directory with further protocol files.")
def page_(name: str | None, directory: Path | None, protocol_dir: tuple[Path, ...]) -> None:
    """Print the page about a vendor, or write those of all vendors: devices, port, how to point a device here, messages.

    \b
        waygps plugin page teltonika
        waygps plugin page --dir docs/vendors
    """
    found = find_vendors(protocol_dir)
    if name is not None and name not in found:
        raise click.BadParameter(f"there is no vendor {name}; there are: {', '.join(found)}", param_hint="NAME")
    pages = {f"{one}.md": page(found[one]) for one in ([name] if name else found)}
    if directory is None:
        click.echo("\n".join(pages.values()), nl=False)
        return
    directory.mkdir(parents=True, exist_ok=True)
    if name is None:
        pages["README.md"] = index(found)
        for old in set(directory.glob("*.md")) - {directory / file for file in pages}:
            old.unlink()
    for file, text in pages.items():
        (directory / file).write_text(text, encoding="utf-8")
