"""The receivers to open, as the tables have them."""

from __future__ import annotations

import psycopg2.extensions

from tests.fakes import LineDecoder, logged
from tests.postgres import DatabaseTest, connected, until
from waygps.interfaces import Transport
from waygps.storage.receivers import AUTO, active_receivers, enter_vendors, servable
from waygps.vendor import Vendor

CHANGES = (
    "UPDATE configuraciones_receptores SET puerto = 9100 WHERE protocolo = 'TCP'",
    "UPDATE configuraciones_receptores SET activo = activo WHERE protocolo = 'TCP'",
    """INSERT INTO configuraciones_receptores (nombre, tipo_equipo_id, puerto, protocolo)
       SELECT 'x', id, 1, 'TCP' FROM tipos_equipos_gps""",
    "DELETE FROM configuraciones_receptores WHERE puerto = 1",
    "UPDATE tipos_equipos_gps SET activo = false",
)


def vendor(name: str, port: int, transports: tuple[Transport, ...] = ("tcp", "udp"), *, active: bool = True) -> Vendor:
    """A vendor that is only to be entered."""
    return Vendor(
        name=name, title=name.title(), port=port, decoder=lambda *_: LineDecoder(), transports=transports, active=active
    )


class ReceiversTest(DatabaseTest):
    def setUp(self) -> None:
        super().setUp()
        self.connection: psycopg2.extensions.connection = connected(self.url)
        self.connection.autocommit = False
        self.addCleanup(self.connection.close)

    def receivers(self) -> list[tuple[str, int, str]]:
        """What is to be opened: vendor, port, transport."""
        return [(receiver.vendor, receiver.port, receiver.transport) for receiver in active_receivers(self.connection)]

    def test_new_vendors(self) -> None:
        """A vendor seen for the first time gets its device type, and a receiver for each of its transports."""
        done = enter_vendors(self.connection, [vendor("acme", 9000), vendor("zeta", 9001, ("http",))])
        assert len(done) == 3
        assert "acme" in done[0]
        assert "UDP port 9000" in done[1]
        assert self.receivers() == [("acme", 9000, "TCP"), ("acme", 9000, "UDP"), ("zeta", 9001, "HTTP")]
        columns = "codigo, nombre, fabricante, protocolo, puerto_default, formato_datos, activo"
        assert self.rows(f"SELECT {columns} FROM tipos_equipos_gps WHERE codigo = 'acme'") == [
            ("acme", "Acme", "Acme", "TCP", 9000, {"transportes": ["tcp", "udp"]}, True)
        ]

    def test_known_vendors(self) -> None:
        """A restart enters nothing again, and what the operator deleted, moved or switched off stays so."""
        enter_vendors(self.connection, [vendor("acme", 9000)])
        self.rows("DELETE FROM configuraciones_receptores WHERE protocolo = 'UDP'")
        self.rows("UPDATE configuraciones_receptores SET puerto = 9100")
        assert enter_vendors(self.connection, [vendor("acme", 9000)]) == []
        assert self.receivers() == [("acme", 9100, "TCP")]

    def test_inactive(self) -> None:
        """Neither a receiver nor a device type that is switched off is opened."""
        enter_vendors(self.connection, [vendor("acme", 9000), vendor("zeta", 9001), vendor("rare", 9002, active=False)])
        self.rows("UPDATE tipos_equipos_gps SET activo = false WHERE codigo = 'zeta'")
        self.rows("UPDATE configuraciones_receptores SET activo = false WHERE protocolo = 'UDP'")
        assert self.receivers() == [("acme", 9000, "TCP")]
        self.rows("UPDATE configuraciones_receptores SET activo = true")
        assert ("rare", 9002, "TCP") in self.receivers()

    def test_order(self) -> None:
        """Receivers are opened by their priority."""
        enter_vendors(self.connection, [vendor("acme", 9000, ("tcp",)), vendor("zeta", 9001, ("tcp",))])
        self.rows("UPDATE configuraciones_receptores SET prioridad = 0 WHERE puerto = 9001")
        assert self.receivers() == [("zeta", 9001, "TCP"), ("acme", 9000, "TCP")]

    def test_taken_port(self) -> None:
        """A new vendor whose port another receiver has is entered without taking it away, and the operator is told."""
        enter_vendors(self.connection, [vendor("acme", 9000, ("tcp",))])
        done = enter_vendors(self.connection, [vendor("zeta", 9000)])
        assert "TCP port 9000 is another receiver's" in done[0]
        assert self.receivers() == [("acme", 9000, "TCP"), ("zeta", 9000, "UDP")]

    def test_http_on_a_tcp_port(self) -> None:
        """HTTP is on a TCP port: a vendor that speaks both on one number has a receiver of its first transport."""
        done = enter_vendors(self.connection, [vendor("acme", 9000, ("tcp", "http", "udp"))])
        assert done[1].startswith("vendor acme is new, but HTTP port 9000 is another receiver's")
        assert self.receivers() == [("acme", 9000, "TCP"), ("acme", 9000, "UDP")]
        enter_vendors(self.connection, [vendor("zeta", 9001, ("http",)), vendor("late", 9001, ("tcp",))])
        assert ("zeta", 9001, "HTTP") in self.receivers()
        assert len(self.receivers()) == 3

    def test_any_vendor(self) -> None:
        """The receivers that take every vendor's devices are there, closed until the operator opens one."""
        assert len(enter_vendors(self.connection, [vendor("acme", 9000), AUTO])) == 4
        assert {name for name, _, _ in self.receivers()} == {"acme"}
        self.rows("UPDATE configuraciones_receptores SET activo = true WHERE puerto = 8079 AND protocolo = 'UDP'")
        assert ("auto", 8079, "UDP") in self.receivers()

    def test_servable(self) -> None:
        """The configuration's port of a vendor goes before the table's; a receiver of a vendor that is gone is said."""
        enter_vendors(self.connection, [vendor("acme", 9000, ("tcp",)), vendor("gone", 9001, ("tcp",)), AUTO])
        self.rows("UPDATE configuraciones_receptores SET activo = true WHERE protocolo = 'TCP'")
        with logged() as lines:
            found = servable(active_receivers(self.connection), {"acme"}, {"acme": 9500})
        assert [(receiver.vendor, receiver.port) for receiver in found] == [("auto", 8079), ("acme", 9500)]
        assert lines == ["receiver Gone TCP is not opened: there is no vendor gone"]

    async def test_changes_are_told(self) -> None:
        """The server hears of every change of a receiver, or of a type, and of no reading."""
        enter_vendors(self.connection, [vendor("acme", 9000)])
        session, heard = await self.session(), list[str]()
        await session.listen("waygps_receptores", heard.append)
        active_receivers(self.connection)
        for change in CHANGES:
            heard.clear()
            self.rows(change)
            await until(lambda: heard == [""], change)
