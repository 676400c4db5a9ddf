"""``waygps user``: the accounts that may log in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import psycopg2.extensions

from waygps import first_login
from waygps.config import Configuration
from waygps.errors import WayGPSError
from waygps.settings import load
from waygps.storage.accounts import set_password
from waygps.storage.embedded import EmbeddedPostgres
from waygps.storage.migrations import connect, migrate

LONGEST_NAME = 64


@click.group()
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file, as for the server.")
@click.option("--data-dir", help="Directory of the embedded PostgreSQL, as for the server.")
@click.pass_context
def user(context: click.Context, config: Path | None, data_dir: str | None) -> None:
    """Accounts. Works on the configured database, or on the embedded one, whether the server runs or not."""
    try:
        context.obj = load(config, os.environ, {"data_dir": data_dir} if data_dir else {})
    except WayGPSError as error:
        raise click.ClickException(str(error)) from None


@user.command()
@click.argument("name")
@click.password_option(help="The new password; asked for when left out.")
@click.pass_obj
def password(configuration: Configuration, name: str, password: str) -> None:
    """Make the user NAME, or change its password and end its sessions."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise click.BadParameter(f"a name has 1 to {LONGEST_NAME} printable characters", param_hint="NAME")
    if not password:
        raise click.BadParameter("an empty password lets everybody in", param_hint="--password")
    try:
        with database(configuration) as connection:
            set_password(connection, name, password)
    except WayGPSError as error:
        raise click.ClickException(str(error)) from None
    first_login.forget(configuration.data_dir, name)
    click.echo(f"the password of {name} is set")


@contextmanager
def database(configuration: Configuration) -> Iterator[psycopg2.extensions.connection]:
    """The database of this configuration, with the schema; the embedded one is stopped again unless the server has it running."""
    embedded = None if configuration.database.url else EmbeddedPostgres(configuration.data_dir)
    try:
        with closing(connect(embedded.open() if embedded else configuration.database.url)) as connection:
            migrate(connection)
            yield connection
    finally:
        if embedded:
            embedded.abandon()
