"""The ``waygps`` command."""

from __future__ import annotations

import click

from waygps import __version__
from waygps.cli.cleanup import cleanup
from waygps.cli.compact import compact
from waygps.cli.decode import decode
from waygps.cli.plugin import plugin
from waygps.cli.quarantine import quarantine
from waygps.cli.receivers import receivers
from waygps.cli.simulate import simulate
from waygps.cli.trace import trace
from waygps.cli.user import user


@click.group()
@click.version_option(__version__, prog_name="waygps")
def main() -> None:
    """Work with WayGPS from the command line. The server itself is started with ``twistd -n waygps``."""


for command in (cleanup, compact, decode, plugin, quarantine, receivers, simulate, trace, user):
    main.add_command(command)
