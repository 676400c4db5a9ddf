"""Several processes behind the same ports: ``workers = 2`` with a real Redis."""

from __future__ import annotations

import json
import os
import signal
import socket
from typing import Any

import psutil

from tests.redis import Redis
from tests.system.server import ServerCase, receive, until

DEVICES = 40
LINE = "IMEI: {}, LAT: -34.6037{}, LON: -58.381592, SPD: 45, TIME: {}\r\n"
T0 = 1_795_500_000


class WorkersTest(ServerCase):
    redis: Redis

    @classmethod
    def setUpClass(cls) -> None:
        cls.redis = Redis()
        cls.redis.start()
        cls.settings = {"WORKERS": "2", "BUS_URL": cls.redis.url}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.redis.stop()

    def setUp(self) -> None:
        until(lambda: len(self.workers()) == 2, "both workers run")

    def workers(self) -> list[psutil.Process]:
        """The processes that serve."""
        children = psutil.Process(self.server.pid).children()
        return [child for child in children if self.serves(child)]

    @staticmethod
    def serves(child: psutil.Process) -> bool:
        """Whether this is a worker that lives; one may end just now."""
        try:
            return child.status() != psutil.STATUS_ZOMBIE and "--worker" in child.cmdline()
        except psutil.NoSuchProcess:
            return False

    def device(self, imei: str) -> socket.socket:
        """A connected device whose first report is acknowledged."""
        device = self.server.tcp("generic")
        self.addCleanup(device.close)
        self.report(device, imei, 0)
        return device

    def report(self, device: socket.socket, imei: str, number: int) -> None:
        """One report, acknowledged."""
        device.sendall(LINE.format(imei, number, T0 + number).encode())
        assert receive(device, 4) == b"OK\r\n"

    def connections(self, worker: psutil.Process) -> int:
        """How many device connections this worker owns."""
        port = self.server.ports["generic"]
        return sum(each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in worker.net_connections())

    def history(self, prefix: str) -> int:
        """The fixes of devices whose identification begins so."""
        sql = "SELECT count(*) FROM posiciones_historicas p JOIN moviles m ON m.id = movil_id WHERE imei LIKE %s"
        return int(self.server.rows(sql, f"{prefix}%")[0][0])

    def test_both_serve(self) -> None:
        """The devices are dealt out to both processes, each answers its own, and every fix is stored once."""
        for number in range(DEVICES):
            self.device(f"71{number:04}")
        assert all(self.connections(worker) for worker in self.workers())
        assert self.history("71") == DEVICES

    def test_pages_show_all(self) -> None:
        """A page shows every device, whichever process serves the page and whichever the device."""
        seen: set[str] = set()
        with self.server.watch(self.server.token()) as browser:
            assert json.loads(browser.recv(10))["type"] == "initial_state"
            for number in range(DEVICES):
                self.device(f"72{number:04}")
            until(lambda: self._heard(browser, seen) >= DEVICES, "all devices are on the page")

    def _heard(self, browser: Any, seen: set[str]) -> int:
        message = json.loads(browser.recv(10))
        if message["type"] == "gps_update" and message["data"]["imei"].startswith("72"):
            seen.add(message["data"]["imei"])
        return len(seen)

    def test_worker_dies(self) -> None:
        """A killed process costs its own devices a reconnection; the others' connections stay, and it is started again."""
        devices = {f"73{number:04}": self.device(f"73{number:04}") for number in range(DEVICES)}
        victim, other = self.workers()
        held = self.connections(other)
        os.kill(victim.pid, signal.SIGKILL)
        until(lambda: len(self.workers()) == 2 and victim.pid not in [each.pid for each in self.workers()], "it is started again")
        kept = [imei for imei, device in devices.items() if self.still_answers(device, imei)]
        assert len(kept) >= held - 1, (len(kept), held)
        assert 0 < len(kept) < DEVICES
        for imei in devices.keys() - set(kept):
            self.report(self.device(imei), imei, 2)
        assert self.history("73") >= DEVICES + len(kept)

    def still_answers(self, device: socket.socket, imei: str) -> bool:
        """Whether the connection lives."""
        try:
            self.report(device, imei, 1)
        except (OSError, AssertionError):
            return False
        return True

    def test_device_moves_to_another_process(self) -> None:
        """A device that comes again and ends up at the other process is connected, and its old connection is closed."""
        old = self.device("740001")
        owner = next(worker for worker in self.workers() if self.owns(worker, old))
        for _ in range(64):
            new = self.device("740001")
            if not self.owns(owner, new):
                break
        until(lambda: self.is_closed(old), "the old connection is closed")
        until(
            lambda: self.server.rows("SELECT estado_conexion FROM moviles WHERE imei = '740001'") == [("conectado",)], "connected"
        )
        self.report(new, "740001", 5)

    def owns(self, worker: psutil.Process, device: socket.socket) -> bool:
        """Whether this worker has the connection."""
        here = device.getsockname()
        return any(each.raddr and tuple(each.raddr) == here for each in worker.net_connections())

    def is_closed(self, device: socket.socket) -> bool:
        """Whether the server hung up."""
        device.settimeout(0.2)
        try:
            return device.recv(100) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def test_redis_dies(self) -> None:
        """While Redis is away devices are served as before; when it is back the pages have all that they missed."""
        with self.server.watch(self.server.token()) as browser:
            assert json.loads(browser.recv(10))["type"] == "initial_state"
            self.redis.crash()
            for number in range(DEVICES):
                self.device(f"75{number:04}")
            assert self.history("75") == DEVICES
            self.redis.start()
            seen: set[str] = set()
            until(lambda: self._renewed(browser, seen) >= DEVICES, "all devices are on the page")

    def _renewed(self, browser: Any, seen: set[str]) -> int:
        message = json.loads(browser.recv(20))
        if message["type"] == "gps_update":
            seen.add(message["data"]["imei"])
        elif message["type"] == "initial_state":
            seen.update(each["imei"] for each in message["mobiles"])
        return len({imei for imei in seen if imei.startswith("75")})
