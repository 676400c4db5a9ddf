"""Brings a database to the schema of this program: the .sql files of schema/, in order, each once, under a lock."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg2.extensions
from twisted.logger import Logger

from waygps.errors import SchemaError, WayGPSError
from waygps.storage.session import connection_string

SCHEMA = Path(__file__).with_name("schema")
LEDGER = """CREATE TABLE IF NOT EXISTS versiones_esquema (
    version integer PRIMARY KEY, archivo text NOT NULL, aplicada timestamptz NOT NULL DEFAULT now())"""

HOPELESS = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
    "invalid port number",
    "invalid integer value",
)

_log = Logger()


def connect(url: str, patience: float = 30.0) -> psycopg2.extensions.connection:
    """Connect, waiting up to ``patience`` seconds for a server that is still starting. Blocks. WayGPSError says what is wrong."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return psycopg2.connect(connection_string(url))
        except psycopg2.OperationalError as error:
            reason = str(error).strip()
            if _is_final(reason) or time.monotonic() >= deadline:
                raise WayGPSError(f"cannot use the database: {reason} (setting database.url)") from error
            _log.info("waiting for the database: {reason}", reason=reason)
            time.sleep(1)
        except psycopg2.ProgrammingError as error:
            raise WayGPSError(f"database.url is not a PostgreSQL URL: {str(error).strip()}") from error


def _is_final(reason: str) -> bool:
    """Whether waiting cannot help: wrong password, user, database or host entry."""
    return any(word in reason for word in HOPELESS)


def migrations() -> dict[int, Path]:
    """The schema files by version, the number their names begin with."""
    return {int(path.name.split("_")[0]): path for path in sorted(SCHEMA.glob("[0-9]*.sql"))}


def migrate(connection: psycopg2.extensions.connection) -> list[str]:
    """Apply what is missing, and give the names of the files applied. SchemaError where the database is newer."""
    files = migrations()
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('waygps.esquema'))")
        cursor.execute(LEDGER)
        cursor.execute("SELECT coalesce(max(version), 0) FROM versiones_esquema")
        (current,) = cursor.fetchone() or (0,)
        if current > max(files):
            raise SchemaError(
                f"the database has schema version {current}, this program knows versions up to {max(files)}: "
                "start the newer WayGPS that wrote it, or restore the backup made before that upgrade"
            )
        missing = [(version, path) for version, path in files.items() if version > current]
        for version, path in missing:
            cursor.execute(path.read_text(encoding="utf-8"))
            cursor.execute("INSERT INTO versiones_esquema (version, archivo) VALUES (%s, %s)", (version, path.name))
    return [path.name for _, path in missing]
