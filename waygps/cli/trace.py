"""``waygps trace DEVICE``: all that a device sends and is answered, live."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from math import inf
from pathlib import Path
from typing import Any

import click
from msgspec import json
from psycopg2.extensions import connection as Connection  # noqa: N812

from waygps.cli.database import configured, database, located
from waygps.cli.traced import shown
from waygps.ingest.tracing import CHANNEL

RENEW = 20.0
"""Seconds between two requests; each is good for LASTS seconds."""
LASTS = 60
PATIENCE = 5.0
"""Seconds within which a server that runs says that it heard."""
NOTHING = 3
"""Exit code where nothing was heard of the device."""
STATE = """SELECT estado_conexion, to_char(fecha_recepcion AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
           FROM moviles WHERE imei = %s"""

Event = dict[str, Any]


@click.command()
@click.argument("device")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds; otherwise with Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, as the server tells it.")
@located
def trace(device: str, seconds: float | None, as_json: bool, config: Path | None, data_dir: str | None) -> None:
    """Show all that DEVICE (its identification, as in imei) sends and is answered, live, in hex and decoded.

    It needs the database that the servers use, and nothing else: all of them are asked. A device that is not connected is waited
    for. The exit code is 0 after Ctrl-C, or when --seconds are over and something was heard of the device; 3 when nothing was; 1
    when the database is out of reach; 2 when the command is wrong.
    """
    heard = 0
    with database(configured(config, data_dir)) as connection:
        connection.commit()
        connection.autocommit = True
        _note(_state(connection, device))
        with suppress(KeyboardInterrupt), closing(events(connection, device, inf if seconds is None else seconds)) as told:
            for event in told:
                heard += event.get("dispositivo") == device
                click.echo(json.encode(event).decode() if as_json else shown(event))
                sys.stdout.flush()
            sys.exit(0 if heard else NOTHING)


def events(connection: Connection, device: str, seconds: float) -> Generator[Event, None, None]:
    """What the servers tell of the device, for so many seconds."""
    (channel,) = _row(connection, "SELECT %s || replace(gen_random_uuid()::text, '-', '')", [f"{CHANNEL}_"])
    _row(connection, f"LISTEN {channel}")
    begun = time.monotonic()
    try:
        yield from _heard(connection, device, channel, begun, begun + seconds)
    finally:
        _ask(connection, device, channel, 0)


def _heard(connection: Connection, device: str, channel: str, begun: float, end: float) -> Iterator[Event]:
    renewal, doubt = begun, begun + PATIENCE
    while (now := time.monotonic()) < end:
        if now >= renewal:
            _ask(connection, device, channel, LASTS)
            renewal = now + RENEW
        if now >= doubt:
            _note("no server answers: is one running on this database?")
            doubt = inf
        select.select([connection], [], [], max(0, min(renewal, doubt, end) - time.monotonic()))
        connection.poll()
        while connection.notifies:
            doubt = inf
            yield json.decode(connection.notifies.pop(0).payload)


def _ask(connection: Connection, device: str, channel: str, seconds: float) -> None:
    request = json.encode({"dispositivo": device, "canal": channel, "segundos": seconds}).decode()
    _row(connection, "SELECT pg_notify(%s, %s)", [CHANNEL, request])


def _state(connection: Connection, device: str) -> str:
    row = _row(connection, STATE, [device])
    if not row:
        return f"{device} is not in the table moviles: waiting for it"
    state, received = row
    if state == "conectado":
        return f"{device} is connected: waiting for what it sends"
    return f"{device} is {state}, {f'heard last at {received}' if received else 'never heard'}: waiting for it"


def _row(connection: Connection, query: str, arguments: Any = None) -> tuple[Any, ...]:
    """The first row that a query gives; () for none."""
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return (cursor.fetchone() or ()) if cursor.description else ()


def _note(text: str) -> None:
    """Beside the trace, for people."""
    click.echo(text, err=True)
