"""The service manager of the rounds: the server runs whenever it is wanted, and is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from chaos.keeper import Keeper
from chaos.ports import settled_port
from tests.system.server import Server, until

SCRIPT = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        text = open(sys.argv[2], "rb").read()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


class StandIn(Server):
    """A process that only answers for its health, with what the test has it say: it starts and ends faster than WayGPS."""

    def __init__(self) -> None:
        super().__init__()
        self.web_port = settled_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.say()

    def say(self, database: str = "ok", fixes: int = 0, full: bool = False) -> None:
        """What it answers from now on."""
        state = {"base_de_datos": database, "spool": {"fixes": fixes, "lleno": full}}
        new = self.directory / "new"
        new.write_text(json.dumps(state))
        new.replace(self.directory / "state")

    def launch(self) -> subprocess.Popen[bytes]:
        arguments: list[Any] = [sys.executable, "-c", SCRIPT, self.web_port, self.directory / "state"]
        self.processes.append(subprocess.Popen(list(map(str, arguments))))
        return self.processes[-1]

    @property
    def runs(self) -> bool:
        return bool(self.processes) and self.processes[-1].poll() is None


class Keeping(SynchronousTestCase):
    """A keeper of a process."""

    def setUp(self) -> None:
        self.server = StandIn()
        self.addCleanup(self.server.stop)
        self.keeper = Keeper(self.server)
        self.addCleanup(self.keeper.close)

    def start(self) -> None:
        self.keeper.want()
        until(lambda: self.keeper.health, "an answer")

    def test_wanted(self) -> None:
        """It is started when it is wanted, and not before."""
        self.keeper.look()
        assert self.keeper.health is None
        self.start()
        assert self.keeper.starts == 1

    def test_ended_by_itself(self) -> None:
        """A server that ends by itself is started again."""
        self.start()
        self.server.processes[0].kill()
        until(lambda: len(self.server.processes) == 2 and self.server.runs, "the second start")
        assert self.keeper.starts == 2

    def test_killed(self) -> None:
        """A server that was killed stays away until it is wanted again."""
        self.start()
        self.keeper.kill()
        assert not self.server.runs
        until(lambda: self.keeper.health is None, "its silence")
        self.start()
        assert self.keeper.starts == 2

    def test_stopped(self) -> None:
        """A server that was stopped has ended, and stays away until it is wanted again."""
        self.start()
        self.keeper.stop()
        assert not self.server.runs
        self.start()
        assert self.keeper.starts == 2

    def test_close(self) -> None:
        """Nothing that was started survives the end."""
        self.start()
        self.keeper.close()
        assert not self.server.runs

    def test_calm(self) -> None:
        """All is well where PostgreSQL is reached and the spool is empty, and that was said after the moment in question."""
        self.start()
        moment = time.monotonic()
        until(lambda: self.keeper.is_calm(moment), "an answer from after it")
        assert not self.keeper.is_calm(time.monotonic())

    def test_not_calm(self) -> None:
        """All is not well while fixes are in the spool, or PostgreSQL is out of reach."""
        self.start()
        for database, fixes in (("ok", 7), ("error", 0)):
            self.server.say(database, fixes)
            self.keeper.look()
            assert not self.keeper.is_calm(0)
        self.server.say()
        self.keeper.look()
        assert self.keeper.is_calm(0)

    def test_spool(self) -> None:
        """The most that was in the spool is remembered, and whether it is full is known."""
        self.start()
        for fixes, full in ((5, False), (900, True), (20, False)):
            self.server.say("error", fixes, full)
            self.keeper.look()
            assert (self.keeper.spooled, self.keeper.is_full) == (fixes, full)
        assert self.keeper.most_spooled == 900
