"""``waygps plugin``: for who writes a protocol."""

from __future__ import annotations

import click

from waygps.cli.plugin_check import check
from waygps.cli.plugin_list import list_
from waygps.cli.plugin_new import new
from waygps.cli.plugin_page import page_
from waygps.cli.plugin_try import try_


@click.group()
def plugin() -> None:
    """Write a protocol: begin one, check it, try it with a device, see what is installed.

    The guide is docs/writing-a-protocol.md.
    """


for command in (new, check, try_, list_, page_):
    plugin.add_command(command)
