"""``waygps quarantine``: the devices that report and are not in moviles. A running server follows at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from msgspec import json
from psycopg2.extensions import connection as Connection  # noqa: N812

from waygps.cli.database import configured, database, located
from waygps.config import Configuration

LIST = """SELECT imei, protocolo, receptor, origen, mensajes, fixes, sin_lugar, primera_vez, ultima_vez, ultimo_lat, ultimo_lon
          FROM cuarentena ORDER BY ultima_vez DESC"""
MESSAGES = (
    """SELECT fecha_recepcion, fixes, encode(mensaje, 'hex') FROM cuarentena_mensajes WHERE imei = %s ORDER BY id DESC LIMIT %s"""
)
FIND = "SELECT imei FROM cuarentena WHERE imei = %s"
ADOPT = "SELECT adoptar(%s, %s)"
DISCARD = "DELETE FROM cuarentena WHERE imei = %s RETURNING mensajes"
HEAD = ("DEVICE", "PROTOCOL", "RECEIVER", "FROM", "MESSAGES", "LAST SEEN")
LINE = "{:<18} {:<12} {:<24} {:<22} {:<9} {}"
_encode = json.Encoder(decimal_format="number").encode
KEYS = ("imei", "protocolo", "receptor", "origen", "mensajes", "fixes", "sin_lugar", "primera_vez", "ultima_vez", "lat", "lon")


@click.group()
@located
@click.pass_context
def quarantine(context: click.Context, config: Path | None, data_dir: str | None) -> None:
    """The devices that report and are not in moviles, and what they sent."""
    context.obj = configured(config, data_dir)


@quarantine.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_(configuration: Configuration, as_json: bool) -> None:
    """All of them, who was seen last first."""
    with database(configuration) as connection:
        rows = _asked(connection, LIST)
    if as_json:
        for row in rows:
            click.echo(_encode(dict(zip(KEYS, row, strict=True))))
        return
    click.echo(LINE.format(*HEAD))
    for imei, protocol, receiver, peer, messages, *_, last, _, _ in rows:
        click.echo(LINE.format(imei, protocol, receiver, peer, messages, f"{last:%Y-%m-%d %H:%M:%S} UTC"))


@quarantine.command()
@click.argument("imei")
@click.option("--messages", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many, the newest first.")
@click.pass_obj
def show(configuration: Configuration, imei: str, messages: int) -> None:
    """What the device IMEI sent, as it came, in hex."""
    with database(configuration) as connection:
        _found(connection, imei)
        rows = _asked(connection, MESSAGES, imei, messages)
    for received, fixes, raw in rows:
        click.echo(f"{received:%Y-%m-%d %H:%M:%S} {fixes:>4} fixes  {raw}")


@quarantine.command()
@click.argument("imeis", metavar="IMEI...", nargs=-1)
@click.option("--patente", help="The plate of the vehicle, for a single device.")
@click.option("--all", "everyone", is_flag=True, help="All that are in quarantine.")
@click.pass_obj
def adopt(configuration: Configuration, imeis: tuple[str, ...], patente: str | None, everyone: bool) -> None:
    """Make vehicles of these devices. The server stores what they sent before; a server that is down does so when it starts."""
    if bool(imeis) is everyone:
        raise click.UsageError("give the devices, or --all")
    if patente and len(imeis) != 1:
        raise click.UsageError("--patente goes with exactly one device")
    with database(configuration) as connection:
        chosen = [row[0] for row in _asked(connection, LIST)] if everyone else [_found(connection, imei) for imei in imeis]
        for imei in chosen:
            ((number,),) = _asked(connection, ADOPT, imei, patente)
            click.echo(f"{imei} is vehicle {number}")


@quarantine.command()
@click.argument("imeis", metavar="IMEI...", nargs=-1, required=True)
@click.pass_obj
def discard(configuration: Configuration, imeis: tuple[str, ...]) -> None:
    """Forget these devices and what they sent. One that goes on reporting is in quarantine again."""
    with database(configuration) as connection:
        for imei in imeis:
            _found(connection, imei)
            ((messages,),) = _asked(connection, DISCARD, imei)
            click.echo(f"{imei} is forgotten, with {messages} messages")


def _asked(connection: Connection, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(query, arguments or None)
        return list(cursor.fetchall())


def _found(connection: Connection, imei: str) -> str:
    if not _asked(connection, FIND, imei):
        raise click.ClickException(f"{imei} is not in quarantine: see waygps quarantine list")
    return imei
