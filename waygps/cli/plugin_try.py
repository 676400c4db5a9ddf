"""``waygps plugin try FILE``: one protocol on a port of its own, what it decodes on the terminal, nothing stored."""

from __future__ import annotations

from pathlib import Path

import click
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall

from waygps.cli.logged import told
from waygps.cli.trying import Current, Place, serve
from waygps.conformance.loading import Unloadable


def places(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[Place, ...]:
    """The ports that --listen names."""
    return tuple(map(_place, values))


def _place(value: str) -> Place:
    transport, _, rest = value.partition(":")
    host, _, port = rest.rpartition(":")
    if transport == "http":
        raise click.BadParameter(
            "http is served by `twistd waygps` only; `waygps plugin check` tries the requests among the samples"
        )
    if transport not in ("tcp", "udp") or not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise click.BadParameter(f"{value!r} is not tcp:PORT, udp:PORT or tcp:HOST:PORT")
    return Place(transport, host, int(port))


@click.command("try")
@click.argument("plugin", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--listen",
    multiple=True,
    callback=places,
    metavar="TRANSPORT:[HOST:]PORT",
    help="Where, repeatable. Default: the vendor's transports at its port.",
)
def try_(plugin: Path, listen: tuple[Place, ...]) -> None:
    """Serve the protocol of a file alone and print what it decodes, until interrupted; when the file changes it is loaded again.

    Nothing is stored. Every message is answered as if it were.

    \b
        waygps plugin try acme.py --listen tcp:5099 --listen udp:5099
    """
    from twisted.internet import reactor

    told()
    try:
        current = Current(plugin, click.echo)
    except Unloadable as error:
        raise click.ClickException(str(error)) from None
    vendor = current.vendor
    chosen = listen or tuple(Place(transport, "", vendor.port) for transport in vendor.transports if transport != "http")
    if not chosen:
        raise click.ClickException(f"{vendor.title} speaks HTTP only: `waygps plugin check` tries the requests among its samples")
    for place in chosen:
        try:
            port = serve(reactor, current, place, click.echo)
        except CannotListenError as error:
            raise click.ClickException(f"{place.transport} {place.port} cannot be opened: {error.socketError}") from None
        click.echo(f"{vendor.title} listens on {place.transport} {place.host or '*'}:{port.getHost().port}")
    LoopingCall(current.look).start(1, now=False)
    reactor.run()
