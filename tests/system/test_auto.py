"""One port for the devices of every vendor, on the real program: what they send ends as on their vendors' own ports."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

from protocols.generic import generic
from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.ports import free_port
from tests.protocols.frames import FRAMES, Frame, frames
from tests.system.server import Server, ServerCase, is_silent, until
from waygps.fix import Fix
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IEncoder

ROWS = """SELECT imei, CASE WHEN raw_data ? 'hora' THEN NULL ELSE h.fecha_gps END, latitud, longitud, altitud, velocidad, rumbo,
                 satelites, odometro, calidad_datos, raw_data::text, raw_data ->> 'protocolo'
          FROM posiciones_historicas h JOIN moviles m ON m.id = h.movil_id WHERE imei LIKE %s"""
"""What has the time of its reception has another one each time."""
OPEN = "UPDATE configuraciones_receptores SET activo = true RETURNING puerto, protocolo"
CAPTURED = [path.stem for path in sorted(FRAMES.glob("*.jsonl")) if path.stem in find_vendors()]
FEWEST = 5
"""Rows that the captured messages of a vendor have at least."""
VENDORS = (teltonika, queclink, generic)
MORNING = int(datetime(2026, 11, 24, 6, tzinfo=UTC).timestamp() * 1000)
FIX = Fix(time=MORNING, lat=-34.6, lon=-58.4, speed_kmh=40.0, course_deg=90.0, altitude_m=20.0, satellites=9, ignition=True)


def sent(vendor: str, frame: Frame) -> bytes:
    """What the device sends on a connection with this captured message: who it is, where its protocol says that first."""
    if frame.request is not None:
        return requested(frame.request)
    device = frame.device or ""
    encoder = find_vendors()[vendor].vendor.encoder(device, "tcp") if device.isdigit() else None
    return (encoder.hello() if encoder else b"") + frame.data


def requested(request: dict[str, Any]) -> bytes:
    """An HTTP request as it goes over the wire, on a connection that ends after it."""
    body = (request.get("body") or "").encode()
    headers = {**(request.get("headers") or {}), "Host": "localhost", "Content-Length": len(body), "Connection": "close"}
    lines = [f"{request['method']} {request['uri']} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class AutoTests(ServerCase):
    """A server whose receivers of type auto were switched on."""

    token: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.server.ports["auto"] = free_port()
        cls.server.start()
        assert {(8079, "TCP"), (8079, "UDP")} <= set(cls.server.rows(OPEN))
        cls.server.restart()
        cls.token = cls.server.token()

    def health(self) -> dict[str, Any]:
        """What an operator sees of the server's state."""
        return dict(self.server.request("GET", "/api/health", token=self.token)[1])

    def rows(self, imei: str = "%") -> list[tuple[Any, ...]]:
        """The history of these devices, when nothing waits to be stored."""
        until(lambda: self.health()["fixes_pendientes"] == 0, "everything to be stored")
        return sorted(self.server.rows(ROWS, imei), key=repr)

    def spoken(self, port: str, transport: str, device: IEncoder) -> bytes:
        """What a device that reports once on this port hears."""
        with self.server.udp(port) if transport == "udp" else self.server.tcp(port) as connection:
            heard = b""
            if device.hello():
                connection.sendall(device.hello())
                heard = connection.recv(64)
            connection.sendall(device.report((FIX,)))
            return heard + connection.recv(64)

    def test_a_device_of_each_vendor(self) -> None:
        """Over TCP and UDP each vendor's device gets the answer, and the row, that it gets on its vendor's own port."""
        for number, vendor in enumerate(VENDORS):
            for transport in vendor.transports:
                results = []
                for port in (vendor.name, "auto"):
                    imei = f"35000000{number}{transport == 'udp':d}{port == 'auto':d}0000"
                    device = vendor.encoder(imei, transport)
                    assert device is not None
                    answer = self.spoken(port, transport, device)
                    results.append((answer, [row[1:] for row in self.rows(imei)]))
                own, auto = results
                assert auto == own
                assert len(own[1]) == 1
                assert f'"{vendor.name}"' in own[1][0][-2]

    def send(self, port: str, data: bytes) -> None:
        """A connection of its own for what a device sends, which the server ends when it has read all."""
        with self.server.tcp(port) as device:
            device.sendall(data)
            device.shutdown(socket.SHUT_WR)
            while device.recv(4096):
                pass

    def captured(self, through: str) -> dict[str, list[tuple[Any, ...]]]:
        """The history of each vendor after its captured messages came through this port ("": each vendor's own)."""
        self.server.rows("DELETE FROM posiciones_recientes RETURNING 1")
        for vendor in CAPTURED:
            for frame in frames(vendor):
                self.send(through or vendor, sent(vendor, frame))
        rows = self.rows()
        return {vendor: [row for row in rows if row[-1] == vendor] for vendor in CAPTURED}

    def test_captured_messages(self) -> None:
        """Every captured message ends as the same rows through the port of all vendors as through its vendor's own."""
        own, auto = self.captured(""), self.captured("auto")
        assert all(len(rows) >= FEWEST for rows in own.values()), {vendor: len(rows) for vendor, rows in own.items()}
        for vendor in CAPTURED:
            assert auto[vendor] == own[vendor], vendor

    def test_stranger(self) -> None:
        """Who speaks no vendor's protocol is closed on without a word, and what it sent is there for the operator."""
        with self.server.tcp("auto") as device:
            device.sendall(b"SSH-2.0-scan\r\n")
            assert device.recv(10) == b""
        with self.server.udp("auto") as device:
            device.send(b"hello")
            assert is_silent(device, 0.3)
        assert "no vendor recognises" in self.server.log()
        until(lambda: {("TCP", b"SSH-2.0-scan\r\n"), ("UDP", b"hello")} <= self.strangers(), "both to be kept")

    def strangers(self) -> set[tuple[str, bytes]]:
        """What an operator sees of bytes that nobody recognises."""
        answer = self.server.request("GET", "/api/cuarentena/bytes", token=self.token)[1]
        return {(each["protocolo"], bytes.fromhex(each["datos"])) for each in answer["bytes_desconocidos"]}
