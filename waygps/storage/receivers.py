"""The receivers to open, as configuraciones_receptores and tipos_equipos_gps have them. What takes a connection blocks."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Literal

import psycopg2.extensions
from msgspec import Struct, json
from msgspec.structs import replace
from twisted.logger import Logger

from waygps.interfaces import IVendor, Transport
from waygps.origin import Policy

CHANNEL = "waygps_receptores"
"""Who notifies this channel has the tables read again; with RESTARTS and an id, that receiver is also closed and opened."""
RESTARTS = "reiniciar "

TYPE = """INSERT INTO tipos_equipos_gps (codigo, nombre, fabricante, protocolo, puerto_default, formato_datos, activo)
          VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (codigo) DO NOTHING RETURNING id"""
RECEIVER = """INSERT INTO configuraciones_receptores (nombre, tipo_equipo_id, puerto, protocolo, activo)
              SELECT %(name)s, %(type)s, %(port)s, %(transport)s, %(active)s
              WHERE NOT EXISTS (SELECT 1 FROM configuraciones_receptores r
                                WHERE r.puerto = %(port)s AND (r.protocolo = 'UDP') = (%(transport)s = 'UDP'))
              RETURNING id"""
"""HTTP is on a TCP port too."""
LIST = """SELECT r.id, r.nombre, t.codigo, r.puerto, r.protocolo, coalesce(r.configuracion_avanzada ->> 'desconocidos', ''),
                 coalesce(r.configuracion_avanzada -> 'otros_protocolos' = 'true', false),
                 r.max_conexiones, r.max_equipos, r.timeout, r.configuracion_avanzada -> 'tls'
          FROM configuraciones_receptores r JOIN tipos_equipos_gps t ON t.id = r.tipo_equipo_id
          WHERE r.activo AND t.activo ORDER BY r.prioridad, r.puerto, r.protocolo"""

_log = Logger()


class Receiver(Struct, frozen=True):
    """An open port: devices of ``vendor`` on this transport."""

    id: int
    name: str
    vendor: str
    port: int
    transport: str
    """TCP, UDP or HTTP."""
    unknown: Policy | Literal[""] = ""
    """What becomes of devices that are not in moviles; "": as ingest.unknown_devices says."""
    others: bool = False
    """Whether devices of other vendors are served too."""
    most_connections: int | None = None
    """Its own limit of connections; 0: none; None: the configuration's, as for the following two."""
    most_devices: int | None = None
    idle: int | None = None
    """Seconds without a message after which a connection is closed."""
    tls: object = None
    """Certificate and key, see waygps.ingest.tls.Pair; None: the connections are not encrypted."""


class DeviceType(Struct, frozen=True):
    """A row of tipos_equipos_gps that is no vendor's; the attributes are those of IVendor."""

    name: str
    title: str
    maker: str
    transports: tuple[Transport, ...]
    port: int
    active: bool


AUTO = DeviceType(name="auto", title="Automatic", maker="Any", transports=("tcp", "udp"), port=8079, active=False)
"""Receivers of this type serve devices of every vendor, each by what it sends first (waygps/ingest/auto.py)."""


def enter_vendors(connection: psycopg2.extensions.connection, vendors: Iterable[IVendor | DeviceType]) -> list[str]:
    """Give every vendor that the database has not seen its device type, and a receiver a transport. What was done, in words."""
    done = []
    with connection, connection.cursor() as cursor:
        for vendor in vendors:
            formats = json.encode({"transportes": vendor.transports}).decode()
            usual = vendor.transports[0].upper()
            cursor.execute(TYPE, (vendor.name, vendor.title, vendor.maker, usual, vendor.port, formats, True))
            for (type_id,) in cursor.fetchall():
                done += [_enter_receiver(cursor, vendor, type_id, transport.upper()) for transport in vendor.transports]
    return done


def _enter_receiver(cursor: psycopg2.extensions.cursor, vendor: IVendor | DeviceType, type_id: int, transport: str) -> str:
    place = f"{transport} port {vendor.port}"
    values = {"type": type_id, "port": vendor.port, "transport": transport, "active": vendor.active}
    cursor.execute(RECEIVER, {"name": f"{vendor.title} {transport}", **values})
    if cursor.fetchall():
        return f"vendor {vendor.name} is new: it has a receiver on {place}"
    return f"vendor {vendor.name} is new, but {place} is another receiver's: enter one for it in configuraciones_receptores"


def active_receivers(connection: psycopg2.extensions.connection) -> list[Receiver]:
    """The receivers that are to be open."""
    with connection, connection.cursor() as cursor:
        cursor.execute(LIST)
        return [Receiver(*row) for row in cursor.fetchall()]


def servable(receivers: Iterable[Receiver], vendors: Container[str], ports: Mapping[str, int]) -> list[Receiver]:
    """The receivers whose vendor is there, each on the port that ``ports`` has for its vendor, if it has one."""
    return [_placed(receiver, ports) for receiver in receivers if _is_known(receiver, vendors)]


def _placed(receiver: Receiver, ports: Mapping[str, int]) -> Receiver:
    return replace(receiver, port=ports.get(receiver.vendor, receiver.port))


def _is_known(receiver: Receiver, vendors: Container[str]) -> bool:
    if receiver.vendor in vendors or receiver.vendor == AUTO.name:
        return True
    _log.error("receiver {name} is not opened: there is no vendor {vendor}", name=receiver.name, vendor=receiver.vendor)
    return False
