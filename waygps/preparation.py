"""What has to be so before the server begins: a database with the schema, a login, receivers for the vendors. Blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import psycopg2.extensions
from twisted.logger import Logger

from waygps import first_login
from waygps.errors import WayGPSError
from waygps.ingest.vendors import Found
from waygps.storage.accounts import make_first_login
from waygps.storage.areas import install_areas
from waygps.storage.database import make_partitions
from waygps.storage.migrations import connect, migrate
from waygps.storage.receivers import AUTO, Receiver, active_receivers, enter_vendors, servable

_log = Logger()


ENTER = "INSERT INTO moviles (imei) SELECT unnest(%s::text[]) ON CONFLICT (imei) DO NOTHING"


def prepare(
    url: str, data_dir: Path, vendors: Mapping[str, Found], ports: Mapping[str, int], simulated: Sequence[str] = ()
) -> list[Receiver]:
    """Bring the database up to date and give the receivers to open; ``simulated`` devices become vehicles.

    WayGPSError says what is wrong with the database.
    """
    for name in sorted(set(ports) - {*vendors, AUTO.name}):
        known = ", ".join(vendors)
        _log.error("receivers.ports names {name}, which is no vendor; there are: {known}", name=name, known=known)
    connection = connect(url)
    try:
        for name in migrate(connection):
            _log.info("schema: applied {name}", name=name)
        install_areas(connection)
        _check_durability(connection)
        make_partitions(connection)
        _make_login(connection, data_dir)
        for done in enter_vendors(connection, [*(found.vendor for found in vendors.values()), AUTO]):
            _log.info("{done}", done=done)
        with connection, connection.cursor() as cursor:
            cursor.execute(ENTER, [list(simulated)])
        return servable(active_receivers(connection), vendors, ports)
    except OSError as error:
        raise WayGPSError(f"{error.filename or data_dir} cannot be written: {error.strerror} (setting data_dir)") from error
    except psycopg2.Error as error:
        reason = str(error).splitlines()[0]
        raise WayGPSError(f"the database refuses what WayGPS needs: {reason}; the user of database.url has to own it") from error
    finally:
        connection.close()


def receivers_of(url: str, vendors: Mapping[str, Found], ports: Mapping[str, int]) -> list[Receiver]:
    """The receivers to open, of a database that is prepared already."""
    connection = connect(url)
    try:
        return servable(active_receivers(connection), vendors, ports)
    finally:
        connection.close()


def _check_durability(connection: psycopg2.extensions.connection) -> None:
    """An acknowledgement is worth what PostgreSQL's own commit is worth; say so where that is little."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        if cursor.fetchone() != ("on",):
            _log.error("PostgreSQL runs with fsync off: a power cut takes what devices were told is stored. Set fsync = on")


def _make_login(connection: psycopg2.extensions.connection, data_dir: Path) -> None:
    login = make_first_login(connection, partial(first_login.keep, data_dir))
    if login:
        path = str(data_dir / first_login.NAME)
        _log.info("the first login was made: user {user}, its password is in {path}", user=login[0], path=path)
