"""The receivers to open, as ``configuraciones_receptores`` and ``tipos_equipos_gps`` have them. Blocking, for the start."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg2.extensions
from msgspec import Struct, json

from waygps.interfaces import IVendor

TYPE = """INSERT INTO tipos_equipos_gps (codigo, nombre, fabricante, protocolo, puerto_default, formato_datos, activo)
          VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (codigo) DO NOTHING RETURNING id"""
RECEIVER = """INSERT INTO configuraciones_receptores (nombre, tipo_equipo_id, puerto, protocolo, activo)
              VALUES (%s, %s, %s, %s, %s) ON CONFLICT (puerto, protocolo) DO NOTHING"""
LIST = """SELECT r.id, r.nombre, t.codigo, r.puerto, r.protocolo
          FROM configuraciones_receptores r JOIN tipos_equipos_gps t ON t.id = r.tipo_equipo_id
          WHERE r.activo AND t.activo ORDER BY r.prioridad, r.puerto, r.protocolo"""


class Receiver(Struct, frozen=True):
    """An open port: devices of ``vendor`` on this transport."""

    id: int
    name: str
    vendor: str
    port: int
    transport: str
    """TCP, UDP or HTTP."""


def enter_vendors(connection: psycopg2.extensions.connection, vendors: Iterable[IVendor]) -> list[str]:
    """Give every vendor that the database has not seen its device type and a receiver a transport; the names of the new ones."""
    new = []
    with connection, connection.cursor() as cursor:
        for vendor in vendors:
            transports = [transport.upper() for transport in vendor.transports]
            formats = json.encode({"transportes": vendor.transports}).decode()
            cursor.execute(TYPE, (vendor.name, vendor.title, vendor.maker, transports[0], vendor.port, formats, True))
            for (type_id,) in cursor.fetchall():
                new.append(vendor.name)
                for transport in transports:
                    cursor.execute(RECEIVER, (f"{vendor.title} {transport}", type_id, vendor.port, transport, vendor.active))
    return new


def active_receivers(connection: psycopg2.extensions.connection) -> list[Receiver]:
    """The receivers that are to be open."""
    with connection, connection.cursor() as cursor:
        cursor.execute(LIST)
        return [Receiver(*row) for row in cursor.fetchall()]
