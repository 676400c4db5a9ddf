"""``waygps receivers``: the ports for devices. A running server follows at once, and devices on other ports do not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, cast

import click
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from waygps.cli.database import configured, database, located
from waygps.cli.receiver_options import limits, own_options, shown, tls
from waygps.config import Configuration
from waygps.storage.receiver_changes import POLICIES, TRANSPORTS, Change, Wanted, added, changed, restarted, switched

FIND = """SELECT r.id, r.nombre, t.codigo, r.protocolo, r.puerto, r.activo AND t.activo,
                 r.max_conexiones, r.max_equipos, r.timeout, r.configuracion_avanzada
          FROM configuraciones_receptores r JOIN tipos_equipos_gps t ON t.id = r.tipo_equipo_id
          WHERE %(name)s IS NULL OR r.nombre = %(name)s ORDER BY r.prioridad, r.puerto, r.protocolo"""
SETTINGS_NOW = """SELECT configuracion_avanzada -> 'otros_protocolos' = 'true', configuracion_avanzada ->> 'desconocidos'
                  FROM configuraciones_receptores WHERE id = %s"""
T = TypeVar("T")

DEFAULT = "default"
HEAD = ("NAME", "TYPE", "TRANSPORT", "PORT", "STATE")
LINE = "{:<28} {:<16} {:<10} {:<6} {}"

PORT = click.option("--port", type=click.IntRange(1, 65535))
TYPE_OPTION = click.option("--type", "kind", help="The vendor whose devices report there, or auto for all vendors.")
TRANSPORT = click.option("--transport", type=click.Choice(TRANSPORTS, case_sensitive=False))
OTHERS = click.option("--others/--no-others", default=None, help="Whether devices of other vendors are served there too.")
UNKNOWN = click.option(
    "--unknown",
    type=click.Choice([*POLICIES, DEFAULT]),
    help="Devices that are not in moviles are kept until someone decides, entered, refused, or as the configuration says.",
)


@click.group()
@located
@click.pass_context
def receivers(context: click.Context, config: Path | None, data_dir: str | None) -> None:
    """The ports for devices. A running server follows at once; without one the changes hold from its next start."""
    context.obj = configured(config, data_dir)


@receivers.command("list")
@click.pass_obj
def list_(configuration: Configuration) -> None:
    """All receivers. Whether the port of an active one could be opened is in the server's log and in /api/health."""
    with database(configuration) as connection:
        rows = _asked(connection, FIND, {"name": None})
    click.echo(LINE.format(*HEAD))
    for _, name, kind, transport, port, is_active, *_ in rows:
        state = "active" if is_active else "stopped"
        click.echo(LINE.format(name, kind, transport, configuration.receivers.ports.get(kind, port), state))


@receivers.command()
@click.argument("name")
@click.pass_obj
def show(configuration: Configuration, name: str) -> None:
    """What is known of the receiver NAME."""
    with database(configuration) as connection:
        row = _found(connection, name)
        ((others, unknown),) = _asked(connection, SETTINGS_NOW, [row[0]])
    state = "active" if row[5] else "stopped"
    for key, value in zip(HEAD, (row[1], row[2], row[3], row[4], state), strict=True):
        click.echo(f"{key.lower():<10} {value}")
    if others:
        click.echo(f"{'others':<10} served")
    if unknown:
        click.echo(f"{'unknown':<10} {unknown}")
    for key, value in shown(row[6:9], row[9]):
        click.echo(f"{key:<10} {value}")
    _say_override(configuration, row[2], row[4])


@receivers.command()
@click.argument("name")
@TYPE_OPTION
@PORT
@TRANSPORT
@UNKNOWN
@own_options
@click.pass_obj
def add(
    configuration: Configuration,
    /,
    name: str,
    kind: str | None,
    port: int | None,
    transport: str | None,
    unknown: str | None,
    **own: Any,
) -> None:
    """Open a receiver with this NAME; it needs --type and --port. The transport is the type's first unless one is given."""
    if not kind or not port:
        raise click.UsageError("a receiver needs --type and --port")
    settings = _settings(None, unknown) | tls(own)
    wanted = Wanted(name=name, kind=kind, port=port, transport=transport, settings=settings, limits=limits(own))
    with database(configuration) as connection:
        _, transport = _done(connection, added(wanted))
    click.echo(f"{name} is active: {kind} on {transport} port {port}")
    _say_override(configuration, kind, port)


@receivers.command("set")
@click.argument("name")
@TYPE_OPTION
@PORT
@TRANSPORT
@OTHERS
@UNKNOWN
@own_options
@click.option("--no-tls", is_flag=True, help="The receiver speaks TLS no more.")
@click.pass_obj
def set_(
    configuration: Configuration,
    /,
    name: str,
    kind: str | None,
    port: int | None,
    transport: str | None,
    others: bool | None,
    unknown: str | None,
    **own: Any,
) -> None:
    """Move the receiver NAME to another port, transport or type, or give it limits of its own, or TLS.

    Limits, and --others, which lets it serve devices of other vendors too, each by what it sends first, take effect at once and
    disconnect nobody; by anything else its devices are disconnected, the others' are not. --unknown is the rule for devices that
    are not in moviles.
    """
    if not (kind or port or transport or unknown or any(own.values())) and others is None:
        raise click.UsageError("nothing to change: see waygps receivers set --help")
    settings = _settings(others, unknown) | tls(own)
    wanted = Wanted(kind=kind, port=port, transport=transport, settings=settings, limits=limits(own))
    with database(configuration) as connection:
        now = _done(connection, changed(_found(connection, name)[0], wanted))
    served = {None: "", True: ", and devices of other vendors too", False: ", and no other devices"}[others]
    rule = f", unknown devices: {unknown}" if unknown else ""
    click.echo(f"{name}: {now.kind} on {now.transport} port {now.port}{served}{rule}")
    _say_override(configuration, now.kind, now.port)


@receivers.command()
@click.argument("name")
@click.pass_obj
def start(configuration: Configuration, name: str) -> None:
    """Open the receiver NAME, or try again where its port could not be opened."""
    _switch(configuration, name, is_active=True)


@receivers.command()
@click.argument("name")
@click.pass_obj
def stop(configuration: Configuration, name: str) -> None:
    """Close the receiver NAME. What its devices have sent is stored and answered, then their connections end."""
    _switch(configuration, name, is_active=False)


@receivers.command()
@click.argument("name")
@click.pass_obj
def restart(configuration: Configuration, name: str) -> None:
    """Close the receiver NAME and open it again at once. What its devices have sent is stored and answered; they connect anew."""
    with database(configuration) as connection:
        _done(connection, restarted(_found(connection, name)[0]))
    click.echo(f"{name}: a running server closes and opens it now")


def _switch(configuration: Configuration, name: str, *, is_active: bool) -> None:
    with database(configuration) as connection:
        _done(connection, switched(_found(connection, name)[0], is_active=is_active))
    click.echo(f"{name} is {'active' if is_active else 'stopped'}")


def _asked(connection: Connection, query: str, arguments: Any) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return list(cursor.fetchall())


def _found(connection: Connection, name: str) -> tuple[Any, ...]:
    """The one receiver of this name."""
    rows = _asked(connection, FIND, {"name": name})
    if not rows:
        raise click.ClickException(f"there is no receiver {name}: see waygps receivers list")
    if len(rows) > 1:
        raise click.ClickException(f"{len(rows)} receivers have the name {name}: give them names of their own in nombre")
    return rows[0]


def _done(connection: Connection, change: Change[T]) -> T:
    """Make the change; what refuses it is one line for the operator."""
    try:
        statement = next(change)
        while True:
            try:
                rows = _asked(connection, *statement)
            except psycopg2.Error as error:
                statement = change.throw(error)
            else:
                statement = change.send(rows)
    except StopIteration as end:
        return cast(T, end.value)


def _settings(others: bool | None, unknown: str | None) -> dict[str, object]:
    """The keys of configuracion_avanzada that these options change."""
    changes: dict[str, object] = {} if others is None else {"otros_protocolos": others}
    return changes | ({"desconocidos": None if unknown == DEFAULT else unknown} if unknown else {})


def _say_override(configuration: Configuration, kind: str, port: int) -> None:
    other = configuration.receivers.ports.get(kind, port)
    if other != port:
        click.echo(f"note: receivers.ports of the configuration puts {kind} on port {other} instead of {port}", err=True)
