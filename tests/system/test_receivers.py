"""Receivers that an operator changes while the real program runs."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests import certificates
from tests.ports import free_port
from tests.system.server import CHECKOUT, Server, ServerCase, receive, until

HERE = "127.0.0.1"
DEVICES = 1000
"""Devices that are not to notice what happens to other receivers."""


def report(imei: int) -> bytes:
    """A fix without a time, for the text protocol."""
    return f"IMEI: {imei}, LAT: -34.603722, LON: -58.381592, SPD: 45, HDG: 180\n".encode()


def reports(device: socket.socket, imei: int) -> None:
    """The device reports, and is answered."""
    device.sendall(report(imei))
    assert receive(device, 4) == b"OK\r\n"


def connected(port: int) -> socket.socket:
    """A device at this port."""
    return socket.create_connection((HERE, port), 10)


def said(port: int, imei: int) -> bytes:
    """What a device hears that connects there and reports."""
    try:
        with connected(port) as device:
            device.sendall(report(imei))
            return device.recv(100)
    except ConnectionError:
        return b""


def is_open(port: int) -> bool:
    """Whether a device can connect there."""
    with socket.socket() as device:
        return device.connect_ex((HERE, port)) == 0


class Fleet:
    """Devices that report without a pause, each on a connection of its own, until they are stopped."""

    def __init__(self, server: Server, count: int) -> None:
        self._devices = [server.tcp("generic") for _ in range(count)]
        self._is_over = Event()
        self._thread = Thread(target=self._run)
        self.rounds = 0
        self.fault: Exception | None = None

    def __enter__(self) -> Fleet:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        for device in self._devices:
            device.close()

    def is_at_it(self) -> None:
        """Wait until each has reported twice more."""
        goal = self.rounds + 2
        until(lambda: self.fault or self.rounds >= goal, "the devices to report")
        assert self.fault is None

    def _run(self) -> None:
        try:
            while not self._is_over.is_set():
                for number, device in enumerate(self._devices):
                    device.sendall(report(910_000_000 + number))
                for device in self._devices:
                    assert receive(device, 4) == b"OK\r\n"
                self.rounds += 1
        except (OSError, AssertionError) as fault:
            self.fault = fault


class Receivers(ServerCase):
    """A server with the default receivers."""

    def waygps(self, *arguments: str) -> str:
        """Run ``waygps receivers`` as an operator does, on the data directory of this server."""
        command = [str(Path(sys.executable).with_name("waygps")), "receivers", *arguments]
        ran = subprocess.run(
            command, cwd=CHECKOUT, env=self.server.environment(), capture_output=True, text=True, timeout=30, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def state(self, name: str) -> dict[str, Any]:
        """What /api/health says of this receiver; {} where it has none of the name."""
        health = self.server.request("GET", "/api/health", token=self.server.token())[1]
        return next((dict(each) for each in health["receptores"] if each["nombre"] == name), {})

    def test_life_of_a_receiver(self) -> None:
        """A receiver is added, moved and stopped while devices report on another one, whose connections never break; the devices
        of the receiver that is moved are disconnected after their answer; a restart finds all as it was left."""
        first, second = free_port(), free_port()
        with Fleet(self.server, DEVICES) as others:
            others.is_at_it()
            self.waygps("add", "Norte", "--type", "auto", "--port", str(first))
            until(lambda: is_open(first), "the new receiver")
            others.is_at_it()
            with connected(first) as device:
                reports(device, 920000001)
                self.waygps("set", "Norte", "--port", str(second))
                assert device.recv(1) == b""
            assert not is_open(first)
            until(lambda: is_open(second), "the receiver on its new port")
            others.is_at_it()
            with connected(second) as device:
                reports(device, 920000001)
                assert self.state("Norte")["puerto"] == second
                self.waygps("stop", "Norte")
                assert device.recv(1) == b""
            assert not is_open(second)
            assert self.state("Norte") == {}
            others.is_at_it()
        self.server.restart()
        assert not is_open(second)
        self.waygps("start", "Norte")
        until(lambda: is_open(second), "the receiver after a restart")
        self.server.restart()
        assert is_open(second)

    def test_taken_port(self) -> None:
        """A receiver whose port another program has is said with its name, and is opened by a start when the port is free."""
        with socket.create_server((HERE, 0)) as program:
            port = program.getsockname()[1]
            self.waygps("add", "Sur", "--type", "auto", "--port", str(port))
            fault = until(lambda: self.state("Sur").get("error"), "the fault to be said")
            assert fault == f"receiver Sur: TCP port {port}: Address already in use"
            assert self.state("Generic TCP")["abierto"] is True
        self.waygps("start", "Sur")
        until(lambda: self.state("Sur")["abierto"], "the receiver to be open")
        with connected(port) as device:
            reports(device, 920000002)

    def test_datagrams(self) -> None:
        """A UDP receiver comes and goes too, and a change of the table by SQL is a change as any other."""
        port = free_port()
        self.waygps("add", "Oeste", "--type", "auto", "--port", str(port), "--transport", "UDP")
        until(lambda: self.state("Oeste").get("abierto"), "the receiver to be open")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            device.settimeout(10)
            device.sendto(report(920000003), (HERE, port))
            assert device.recv(64) == b"OK\r\n"
            self.server.rows("DELETE FROM configuraciones_receptores WHERE nombre = 'Oeste' RETURNING 1")
            until(lambda: self.state("Oeste") == {}, "the receiver to be gone")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
            until(lambda: _is_bound(program, port), "the port to be free")

    def test_own_limits(self) -> None:
        """A receiver gets limits of its own while a device reports, who stays connected; the next is refused, by its protocol
        where there are too many devices; with the limits gone it comes in."""
        port = free_port()
        self.waygps("add", "Centro", "--type", "auto", "--port", str(port))
        until(lambda: is_open(port), "the receiver")
        with connected(port) as first:
            reports(first, 920000005)
            self.waygps("set", "Centro", "--max-devices", "1")
            until(lambda: said(port, 920000006) == b"ERROR device 920000006 is not accepted\r\n", "the device to be refused")
            self.waygps("set", "Centro", "--max-devices", "default", "--max-connections", "1")
            until(lambda: said(port, 920000006) == b"", "the connection to be refused")
            reports(first, 920000005)
            self.waygps("set", "Centro", "--max-connections", "0")
            until(lambda: said(port, 920000006) == b"OK\r\n", "the device to be let in")
            reports(first, 920000005)
        assert "message(s) refused: max_equipos of the receiver (1) are there" in self.server.log()
        assert "connection(s) refused: max_conexiones of the receiver (1) are open" in self.server.log()

    def test_tls(self) -> None:
        """A receiver that speaks TLS serves a device that checks its certificate; one that is missing is said by its file."""
        port, certificate, key = free_port(), *certificates.make(self.server.directory)
        self.waygps("add", "Seguro", "--type", "auto", "--port", str(port), "--tls-cert", str(certificate), "--tls-key", str(key))
        until(lambda: self.state("Seguro").get("abierto"), "the receiver to be open")
        trusting = ssl.create_default_context(cafile=str(certificate))
        with connected(port) as plain, trusting.wrap_socket(plain, server_hostname="localhost") as device:
            reports(device, 920000004)
        nowhere = str(self.server.directory / "nowhere.pem")
        self.waygps("set", "Seguro", "--tls-cert", nowhere, "--tls-key", str(key))
        fault = until(lambda: self.state("Seguro").get("error"), "the fault to be said")
        assert fault == f"receiver Seguro: TCP port {port}: TLS: {nowhere} cannot be read: No such file or directory"
        self.waygps("set", "Seguro", "--no-tls")
        until(lambda: self.state("Seguro").get("abierto"), "the receiver to be open")
        with connected(port) as device:
            reports(device, 920000004)

    def test_database_that_was_away(self) -> None:
        """After PostgreSQL was away the server hears of changes again."""
        port = free_port()
        self.server.stop_database()
        until(lambda: self.server.request("GET", "/api/health")[1]["base_de_datos"] != "ok", "the death to be noticed")
        self.server.start_database()
        until(self.server.is_drained, "the database to be back")
        self.waygps("add", "Este", "--type", "auto", "--port", str(port))
        until(lambda: is_open(port), "the receiver to be open")


def _is_bound(program: socket.socket, port: int) -> bool:
    try:
        program.bind((HERE, port))
    except OSError:
        return False
    return True
