"""``waygps plugin new NAME``: a vendor that runs, to be changed until it is another one."""

from __future__ import annotations

import keyword
from importlib.resources import files
from pathlib import Path
from typing import Literal

import click

from waygps.ingest.vendors import NAME, find_vendors

Kind = Literal["text", "binary", "test_text", "test_binary"]
FIRST_PORT = 5099
"""The port of the templates."""


def render(kind: Kind, name: str, port: int = FIRST_PORT) -> str:
    """A file of the templates for the vendor of this name; the templates are vendors named acme."""
    text = files("waygps.cli").joinpath("templates", f"{kind}.py").read_text(encoding="utf-8")
    return text.replace("acme", name).replace("ACME", name.upper()).replace(str(FIRST_PORT), str(port))


@click.command()
@click.argument("name")
@click.option("--text", "kind", flag_value="text", default=True, help="Begin with lines of text (the default).")
@click.option("--binary", "kind", flag_value="binary", help="Begin with binary frames.")
@click.option(
    "--dir", "directory", default=".", show_default=True, type=click.Path(path_type=Path), help="Where NAME.py is written."
)
def new(name: str, kind: Literal["text", "binary"], directory: Path) -> None:
    """Write a vendor that runs: NAME.py with decoder, samples and simulated device, and its test tests/test_NAME.py.

    \b
        waygps plugin new acme --binary --dir my-protocols
    """
    vendors = find_vendors()
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise click.BadParameter("1 to 20 lower-case letters, digits and _, no word of Python's", param_hint="NAME")
    if name in vendors:
        raise click.BadParameter(f"there is a vendor {name} already: {vendors[name].path}", param_hint="NAME")
    taken = {found.vendor.port for found in vendors.values()}
    port = next(port for port in range(FIRST_PORT, 65536) if port not in taken)
    plugin, test = directory / f"{name}.py", directory / "tests" / f"test_{name}.py"
    _write(plugin, render(kind, name, port))
    _write(test, render("test_text" if kind == "text" else "test_binary", name, port))
    click.echo(f"Written: {plugin} and {test}. Next:")
    click.echo(f"  waygps plugin check {plugin}\n  waygps plugin try {plugin}\n  python -m pytest {test}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already, and stays as it is") from None
