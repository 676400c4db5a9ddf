"""Changes of configuraciones_receptores: the statements, and what is refused, once for ``waygps receivers`` and for REST.

A change is a generator. It yields statements and is sent their rows, or what they raised: so a command may run it and block, and
the server may run it and wait.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, get_args

from msgspec import Struct, json
from psycopg2 import errors

from waygps.errors import WayGPSError
from waygps.origin import Policy
from waygps.storage.receivers import CHANNEL, RESTARTS

T = TypeVar("T")
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
Change = Generator[Statement, list[Row], T]

LONGEST_NAME = 100
TRANSPORTS = ("TCP", "UDP", "HTTP")
POLICIES: tuple[str, ...] = get_args(Policy)

ONE = """SELECT r.nombre, t.codigo, r.protocolo, r.puerto, r.activo AND t.activo, r.configuracion_avanzada
         FROM configuraciones_receptores r JOIN tipos_equipos_gps t ON t.id = r.tipo_equipo_id WHERE r.id = %s"""
NAMED = "SELECT id FROM configuraciones_receptores WHERE nombre = %s AND id IS DISTINCT FROM %s"
TYPE = "SELECT id, formato_datos -> 'transportes', activo FROM tipos_equipos_gps WHERE codigo = %s"
TYPES = "SELECT string_agg(codigo, ', ' ORDER BY codigo) FROM tipos_equipos_gps"
TAKEN = """SELECT nombre, protocolo FROM configuraciones_receptores
           WHERE puerto = %s AND (protocolo = 'UDP') = %s AND id IS DISTINCT FROM %s"""
DELETE = "DELETE FROM configuraciones_receptores WHERE id = %s RETURNING nombre"
RESTART = "SELECT pg_notify(%s, %s)"


class Refused(WayGPSError):
    """A change that cannot be; the text says what can."""


class NoReceiver(Refused):
    """There is no such receiver."""


class Conflict(Refused):
    """The receiver, or another one, is not in a state that allows the change."""


class Found(NamedTuple):
    """A receiver as it is."""

    name: str
    kind: str
    transport: str
    port: int
    is_active: bool
    """Whether it, and its type, are."""
    advanced: Any


class Wanted(Struct, frozen=True, kw_only=True):
    """What a receiver is to be; None: as it is."""

    name: str | None = None
    kind: str | None = None
    """The type: a vendor, or auto."""
    port: int | None = None
    transport: str | None = None
    settings: Mapping[str, object] = {}
    """Keys of configuracion_avanzada; a key whose value is None is taken out."""
    limits: Mapping[str, int | None] = {}
    """Columns with limits of its own; None: the configuration's."""


def added(wanted: Wanted) -> Change[tuple[int, str]]:
    """A new receiver, which is active; gives its number and its transport, the type's first where none is wanted."""
    name, port = check_name(wanted.name or ""), check_port(wanted.port or 0)
    yield from _unnamed(name, None)
    kind, transport = yield from _type(wanted.kind or "", wanted.transport)
    yield from _free(port, transport, None)
    _check_tls(None, wanted.settings, transport)
    values = {"nombre": name, "tipo_equipo_id": kind, "puerto": port, "protocolo": transport, **wanted.limits}
    values |= _advanced(None, wanted.settings)
    places = ", ".join(["%s"] * len(values))
    statement = f"INSERT INTO configuraciones_receptores ({', '.join(values)}) VALUES ({places}) RETURNING id"
    ((number,),) = yield from _written(statement, list(values.values()), port, transport)
    return int(number), transport


def changed(number: int, wanted: Wanted) -> Change[Found]:
    """This receiver, as wanted; gives what it is now, but for its advanced settings."""
    old = yield from found(number)
    values: dict[str, Any] = {} if wanted.name is None else {"nombre": check_name(wanted.name)}
    if wanted.name is not None:
        yield from _unnamed(wanted.name, number)
    new = old._replace(name=wanted.name or old.name, kind=wanted.kind or old.kind)
    if (wanted.kind, wanted.port, wanted.transport) != (None, None, None):
        port = old.port if wanted.port is None else check_port(wanted.port)
        kind, transport = yield from _type(new.kind, wanted.transport or old.transport)
        yield from _free(port, transport, number)
        values |= {"tipo_equipo_id": kind, "puerto": port, "protocolo": transport}
        new = new._replace(port=port, transport=transport)
    _check_tls(old.advanced, wanted.settings, new.transport)
    values |= {**wanted.limits, **_advanced(old.advanced, wanted.settings)}
    if values:
        yield from _updated(number, values, new)
    return new


def switched(number: int, *, is_active: bool) -> Change[str]:
    """This receiver, open or closed; one that could not be opened is tried again. Gives its name."""
    old = yield from found(number)
    if is_active:
        yield from _type(old.kind, old.transport)
    yield from _updated(number, {"activo": is_active}, old)
    return old.name


def restarted(number: int) -> Change[str]:
    """This receiver, closed and opened by every server that runs. Gives its name."""
    old = yield from found(number)
    if not old.is_active:
        raise Conflict(f"{old.name} is stopped: start it")
    yield RESTART, [CHANNEL, f"{RESTARTS}{number}"]
    return old.name


def deleted(number: int) -> Change[str]:
    """No such receiver any more. Gives the name that it had."""
    yield from found(number)
    rows = yield DELETE, [number]
    if not rows:
        raise NoReceiver(f"there is no receiver {number}")
    return str(rows[0][0])


def found(number: int) -> Change[Found]:
    """The receiver of this number."""
    rows = (yield ONE, [number]) if number < 2**31 else []
    if not rows:
        raise NoReceiver(f"there is no receiver {number}")
    return Found(*rows[0])


def check_name(name: str) -> str:
    """The name, if it can be one."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise Refused(f"a name has 1 to {LONGEST_NAME} printable characters")
    return name


def check_port(port: int) -> int:
    """The port, if it can be one."""
    if not 1 <= port <= 65535:
        raise Refused(f"{port} is not a port: ports are numbers from 1 to 65535")
    return port


def _unnamed(name: str, number: int | None) -> Change[None]:
    if (yield NAMED, [name, number]):
        raise Conflict(f"there is a receiver {name} already")


def _type(kind: str, transport: str | None) -> Change[tuple[int, str]]:
    """The number of this device type, which has to be in use and to know the transport; and that, its first for None."""
    rows = (yield TYPE, [kind]) if kind.isprintable() else []
    if not rows:
        ((known,),) = yield TYPES, []
        raise Refused(f"there is no type {kind}; there are: {known}")
    number, transports, is_active = rows[0]
    if not is_active:
        raise Conflict(f"the type {kind} is switched off: see activo in tipos_equipos_gps")
    known = [each.upper() for each in transports or TRANSPORTS]
    transport = transport or known[0]
    if transport not in known:
        raise Refused(f"{kind} devices do not use {transport}, but {', '.join(known)}")
    return int(number), transport


def _free(port: int, transport: str, number: int | None) -> Change[None]:
    """HTTP and TCP receivers have their ports of the same numbers."""
    others = yield TAKEN, [port, transport == "UDP", number]
    for name, other in others:
        why = "" if other == transport else ": HTTP is on a TCP port too"
        raise Conflict(f"{transport} port {port} is taken by receiver {name}{why}")


def _updated(number: int, values: Mapping[str, Any], new: Found) -> Change[None]:
    columns = ", ".join(f"{column} = %s" for column in values)
    statement = f"UPDATE configuraciones_receptores SET {columns} WHERE id = %s RETURNING id"
    yield from _written(statement, [*values.values(), number], new.port, new.transport)


def _written(statement: str, values: list[Any], port: int, transport: str) -> Change[list[Row]]:
    try:
        return (yield statement, values)
    except errors.UniqueViolation:  # taken since it was looked at
        raise Conflict(f"{transport} port {port} is taken by another receiver") from None


def _check_tls(now: Any, settings: Mapping[str, object], transport: str) -> None:
    tls = {**(now if isinstance(now, dict) else {}), **settings}.get("tls")
    if tls and transport == "UDP":
        raise Refused("TLS is for TCP, not for UDP: give --no-tls, or another --transport")


def _advanced(now: Any, settings: Mapping[str, object]) -> dict[str, str | None]:
    """The column with these settings in it, if there are any; what else it has stays."""
    if not settings:
        return {}
    merged = {**(now if isinstance(now, dict) else {}), **settings}
    kept = {key: value for key, value in merged.items() if value is not None or key not in settings}
    return {"configuracion_avanzada": json.encode(kept).decode() if kept else None}
