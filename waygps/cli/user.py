"""``waygps user``: the accounts that may log in."""

from __future__ import annotations

from pathlib import Path

import click

from waygps import first_login
from waygps.cli.database import configured, database, located
from waygps.config import Configuration
from waygps.storage.accounts import set_password

LONGEST_NAME = 64


@click.group()
@located
@click.pass_context
def user(context: click.Context, config: Path | None, data_dir: str | None) -> None:
    """Accounts. Works on the configured database, or on the embedded one, whether the server runs or not."""
    context.obj = configured(config, data_dir)


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
    with database(configuration) as connection:
        set_password(connection, name, password)
    first_login.forget(configuration.data_dir, name)
    click.echo(f"the password of {name} is set")
