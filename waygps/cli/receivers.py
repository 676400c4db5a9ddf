"""``waygps receivers``: the ports for devices. A running server follows at once, and devices on other ports do not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection  # noqa: N812

from waygps.cli.database import configured, database, located
from waygps.cli.receiver_options import changes, own_options, shown
from waygps.config import Configuration
from waygps.storage.receivers import CHANNEL, RESTARTS

LONGEST_NAME = 100
FIND = """SELECT r.id, r.nombre, t.codigo, r.protocolo, r.puerto, r.activo AND t.activo,
                 r.max_conexiones, r.max_equipos, r.timeout, r.configuracion_avanzada
          FROM configuraciones_receptores r JOIN tipos_equipos_gps t ON t.id = r.tipo_equipo_id
          WHERE %(name)s IS NULL OR r.nombre = %(name)s ORDER BY r.prioridad, r.puerto, r.protocolo"""
TYPE = "SELECT id, formato_datos -> 'transportes', activo FROM tipos_equipos_gps WHERE codigo = %s"
TYPES = "SELECT string_agg(codigo, ', ' ORDER BY codigo) FROM tipos_equipos_gps"
TAKEN = """SELECT r.nombre FROM configuraciones_receptores r
           WHERE r.puerto = %s AND r.protocolo IN ('TCP', 'HTTP') AND r.protocolo <> %s AND r.id IS DISTINCT FROM %s"""
OTHERS_NOW = "SELECT configuracion_avanzada -> 'otros_protocolos' = 'true' FROM configuraciones_receptores WHERE id = %s"
SET_OTHERS = """UPDATE configuraciones_receptores SET configuracion_avanzada =
                CASE jsonb_typeof(configuracion_avanzada) WHEN 'object' THEN configuracion_avanzada ELSE '{}' END
                || jsonb_build_object('otros_protocolos', %s) WHERE id = %s"""
RESTART = "SELECT pg_notify(%s, %s)"
HEAD = ("NAME", "TYPE", "TRANSPORT", "PORT", "STATE")
LINE = "{:<28} {:<16} {:<10} {:<6} {}"

PORT = click.option("--port", type=click.IntRange(1, 65535))
TYPE_OPTION = click.option("--type", "kind", help="The vendor whose devices report there, or auto for all vendors.")
TRANSPORT = click.option("--transport", type=click.Choice(["TCP", "UDP", "HTTP"], case_sensitive=False))
OTHERS = click.option("--others/--no-others", default=None, help="Whether devices of other vendors are served there too.")


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
        ((others,),) = _asked(connection, OTHERS_NOW, [row[0]])
    state = "active" if row[5] else "stopped"
    for key, value in zip(HEAD, (row[1], row[2], row[3], row[4], state), strict=True):
        click.echo(f"{key.lower():<10} {value}")
    if others:
        click.echo(f"{'others':<10} served")
    for key, value in shown(row[6:9], row[9]):
        click.echo(f"{key:<10} {value}")
    _say_override(configuration, row[2], row[4])


@receivers.command()
@click.argument("name")
@TYPE_OPTION
@PORT
@TRANSPORT
@own_options
@click.pass_obj
def add(
    configuration: Configuration, /, name: str, kind: str | None, port: int | None, transport: str | None, **own: Any
) -> None:
    """Open a receiver with this NAME; it needs --type and --port. The transport is the type's first unless one is given."""
    if not kind or not port:
        raise click.UsageError("a receiver needs --type and --port")
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise click.BadParameter(f"a name has 1 to {LONGEST_NAME} printable characters", param_hint="NAME")
    with database(configuration) as connection:
        if _asked(connection, FIND, {"name": name}):
            raise click.ClickException(f"there is a receiver {name} already")
        type_id, transport = _type(connection, kind, transport)
        _check_free(connection, port, transport)
        values = {"nombre": name, "tipo_equipo_id": type_id, "puerto": port, "protocolo": transport}
        _insert(connection, values | changes(own, None, transport), port, transport)
    click.echo(f"{name} is active: {kind} on {transport} port {port}")
    _say_override(configuration, kind, port)


@receivers.command("set")
@click.argument("name")
@TYPE_OPTION
@PORT
@TRANSPORT
@OTHERS
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
    **own: Any,
) -> None:
    """Move the receiver NAME to another port, transport or type, or give it limits of its own, or TLS.

    Limits, and --others, which lets it serve devices of other vendors too, each by what it sends first, take effect at once and
    disconnect nobody; by anything else its devices are disconnected, the others' are not.
    """
    if not (kind or port or transport or any(own.values())) and others is None:
        raise click.UsageError("nothing to change: see waygps receivers set --help")
    with database(configuration) as connection:
        number, _, old_kind, old_transport, old_port, _, _, _, _, advanced = _found(connection, name)
        moves = kind or port or transport
        kind, transport, port = kind or old_kind, transport or old_transport, port or old_port
        values = changes(own, advanced, transport)
        if moves:
            type_id, transport = _type(connection, kind, transport)
            _check_free(connection, port, transport, number)
            values |= {"tipo_equipo_id": type_id, "puerto": port, "protocolo": transport}
        if values:
            _update(connection, number, values, port, transport)
        if others is not None:
            _change(connection, SET_OTHERS, [others, number], port, transport)
    served = {None: "", True: ", and devices of other vendors too", False: ", and no other devices"}[others]
    click.echo(f"{name}: {kind} on {transport} port {port}{served}")
    _say_override(configuration, kind, port)


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
        number, _, _, _, _, is_active, *_ = _found(connection, name)
        if not is_active:
            raise click.ClickException(f"{name} is stopped: see waygps receivers start")
        _asked(connection, RESTART, [CHANNEL, f"{RESTARTS}{number}"])
    click.echo(f"{name}: a running server closes and opens it now")


def _switch(configuration: Configuration, name: str, *, is_active: bool) -> None:
    with database(configuration) as connection:
        number, _, kind, transport, port, *_ = _found(connection, name)
        if is_active:
            _type(connection, kind, transport)
        _update(connection, number, {"activo": is_active}, port, transport)
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


def _type(connection: Connection, kind: str, transport: str | None) -> tuple[int, str]:
    """The number of this device type, which has to be in use and to know the transport; and that, its first for None."""
    rows = _asked(connection, TYPE, [kind])
    if not rows:
        ((known,),) = _asked(connection, TYPES, None)
        raise click.ClickException(f"there is no type {kind}; there are: {known}")
    number, transports, is_active = rows[0]
    if not is_active:
        raise click.ClickException(f"the type {kind} is switched off: see activo in tipos_equipos_gps")
    transport = transport or (transports or ["tcp"])[0].upper()
    if transports and transport.lower() not in transports:
        raise click.ClickException(f"{kind} devices do not use {transport}, but {', '.join(transports).upper()}")
    return int(number), transport


def _check_free(connection: Connection, port: int, transport: str, number: int | None = None) -> None:
    """HTTP and TCP receivers, but for the one with this number, have their ports of the same numbers."""
    other = _asked(connection, TAKEN, [port, transport, number]) if transport != "UDP" else []
    if other:
        raise click.ClickException(f"{transport} port {port} is taken by receiver {other[0][0]}: HTTP is on a TCP port too")


def _insert(connection: Connection, values: dict[str, Any], port: int, transport: str) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    statement = sql.SQL("INSERT INTO configuraciones_receptores ({}) VALUES ({})").format(columns, places)
    _change(connection, statement, list(values.values()), port, transport)


def _update(connection: Connection, number: int, values: dict[str, Any], port: int, transport: str) -> None:
    columns = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in values)
    statement = sql.SQL("UPDATE configuraciones_receptores SET {} WHERE id = %s").format(columns)
    _change(connection, statement, [*values.values(), number], port, transport)


def _change(connection: Connection, statement: str | sql.Composable, arguments: list[Any], port: int, transport: str) -> None:
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments)
    except errors.UniqueViolation:
        raise click.ClickException(f"{transport} port {port} is another receiver's: see waygps receivers list") from None


def _say_override(configuration: Configuration, kind: str, port: int) -> None:
    other = configuration.receivers.ports.get(kind, port)
    if other != port:
        click.echo(f"note: receivers.ports of the configuration puts {kind} on port {other} instead of {port}", err=True)
