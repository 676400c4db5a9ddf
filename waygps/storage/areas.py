"""The questions of area (in this rectangle, within this radius, the nearest) in the form that the server allows.

With PostGIS or without it: callers use the SQL functions of schema/areas_*.sql and need not know which form is there.
"""

from __future__ import annotations

import psycopg2
import psycopg2.extensions
from twisted.logger import Logger

from waygps.storage.migrations import SCHEMA

LOCK = "SELECT pg_advisory_xact_lock(hashtext('waygps.esquema'))"
INSTALLED = "SELECT extversion FROM pg_extension WHERE extname = 'postgis' AND to_regtype('geography') IS NOT NULL"
AVAILABLE = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"

_log = Logger()


def install_areas(connection: psycopg2.extensions.connection, *, postgis: bool = True) -> str:
    """Make the functions and the index of the form that this server allows; give its name, ``postgis`` or ``nucleo``.

    After migrate(), at every start: PostGIS may have come or gone. Blocks; where the form changes, as long as the index of all
    rows takes to build, during which nobody can insert. ``postgis=False`` leaves PostGIS alone even where there is one.
    """
    version = _postgis(connection) if postgis else None
    form = "postgis" if version else "nucleo"
    with connection, connection.cursor() as cursor:
        cursor.execute(LOCK)
        for name in (form, "preguntas"):
            cursor.execute((SCHEMA / f"areas_{name}.sql").read_text(encoding="utf-8"))
    _log.info("questions of area are answered {how}", how=f"with PostGIS {version}" if version else "without PostGIS")
    return form


def _postgis(connection: psycopg2.extensions.connection) -> str | None:
    """The version of PostGIS in this database, which gets it if it may; None where there is none to have."""
    with connection, connection.cursor() as cursor:
        cursor.execute(AVAILABLE)
        available = cursor.fetchone() != (0,)
    if not available:
        return None
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(LOCK)
            cursor.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    except psycopg2.Error as error:
        reason = str(error).splitlines()[0]
        _log.info("the server has PostGIS, but it cannot be used here: {reason}", reason=reason)
    with connection, connection.cursor() as cursor:
        cursor.execute(INSTALLED)
        found = cursor.fetchone()
    return str(found[0]) if found else None
