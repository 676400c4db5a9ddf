"""What the commands that work on the database have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import psycopg2
import psycopg2.extensions

from waygps.config import Configuration
from waygps.errors import WayGPSError
from waygps.settings import load
from waygps.storage.embedded import EmbeddedPostgres
from waygps.storage.migrations import connect, migrate

DAYS = click.IntRange(0, 36_500)


def located(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the database is: ``config`` and ``data_dir``."""
    config = click.option("--config", type=click.Path(path_type=Path), help="Configuration file, as for the server.")
    data_dir = click.option("--data-dir", help="Directory of the embedded PostgreSQL, as for the server.")
    return config(data_dir(command))


def configured(config: Path | None, data_dir: str | None) -> Configuration:
    """The configuration that these options name. ClickException where something is wrong with it."""
    try:
        return load(config, os.environ, {"data_dir": data_dir} if data_dir else {})
    except WayGPSError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def database(configuration: Configuration) -> Iterator[psycopg2.extensions.connection]:
    """The database of this configuration, with the schema; the embedded one is stopped again unless the server has it running.

    What goes wrong with it, here or in the body, is a ClickException: one line for the operator.
    """
    embedded = None if configuration.database.url else EmbeddedPostgres(configuration.data_dir)
    try:
        with closing(connect(embedded.open() if embedded else configuration.database.url)) as connection:
            migrate(connection)
            yield connection
    except WayGPSError as error:
        raise click.ClickException(str(error)) from None
    except psycopg2.Error as error:
        raise click.ClickException(f"the database says: {str(error).strip().splitlines()[0]}") from None
    finally:
        if embedded:
            embedded.abandon()
