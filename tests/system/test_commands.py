"""The ``waygps`` command beside a running server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.protocols.frames import FRAMES
from tests.system.server import CHECKOUT, ServerCase, until
from waygps.ingest.vendors import find_vendors
from waygps.simulation.fleet import targets

REPORTED = "SELECT count(*), count(DISTINCT movil_id) FROM posiciones_historicas WHERE raw_data->>'protocolo' = %s"


class Commands(ServerCase):
    """One server for all."""

    def command(self, *arguments: str) -> list[str]:
        """The command line of the installed program."""
        return [str(Path(sys.executable).with_name("waygps")), *arguments]

    def run_command(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, cwd=CHECKOUT, env=self.server.environment(), timeout=60
        )

    def test_simulate(self) -> None:
        """A simulated fleet of one vendor drives against a server that it is pointed at, every report answered."""
        ports = [
            (found.vendor, transport.upper(), 0) for found in find_vendors().values() for transport in found.vendor.transports
        ]
        self.server.open_receivers()
        for name in sorted({target.vendor.name for target in targets(ports)}):
            port = self.server.ports[name]
            options = ("--vendor", name, "--devices", "4", "--period", "0.1", "--host", "127.0.0.1", "--port", str(port))
            fleet = subprocess.Popen(self.command("simulate", *options), cwd=CHECKOUT, stdout=subprocess.DEVNULL)
            try:
                until(lambda name=name: self.drives(name), f"four {name} vehicles")  # type: ignore[misc]
            finally:
                fleet.terminate()
                assert fleet.wait(20) == 0

    def drives(self, vendor: str) -> bool:
        ((fixes, vehicles),) = self.server.rows(REPORTED, vendor)
        return int(fixes) >= 40 and int(vehicles) == 4

    def test_simulate_what_is_not_there(self) -> None:
        """A vendor that nobody has is refused with the ones that there are."""
        done = self.run_command("simulate", "--vendor", "acme")
        assert done.returncode == 2
        assert f"no vendor acme; there are: {', '.join(find_vendors())}".encode() in done.stderr

    def test_decode(self) -> None:
        """The captured messages of a vendor come back one JSON object a line, in order, whatever is in them."""
        for vendor in ("teltonika", "queclink"):
            frames = (FRAMES / f"{vendor}.jsonl").read_bytes()
            done = self.run_command("decode", vendor, stdin=frames)
            assert (done.returncode, done.stderr) == (0, b"")
            decoded = [json.loads(line) for line in done.stdout.splitlines()]
            assert len(decoded) == len(frames.splitlines())
            assert all(set(each) == {"fixes", "reply", "warnings", "errors"} for each in decoded)

    def test_password(self) -> None:
        """A user that is made beside the running server can log in at once, and the server runs on."""
        done = self.run_command("user", "password", "eva", "--password", "sesame")
        assert done.returncode == 0, done.stderr
        status, answer = self.server.request("POST", "/api/login", {"usuario": "eva", "clave": "sesame"})
        assert (status, answer["usuario"]) == (200, "eva")
        assert self.server.is_healthy()

    def test_version_and_help(self) -> None:
        """The command says what it is and what it can do."""
        assert self.run_command("--version").stdout.startswith(b"waygps, version 0.1.0")
        helped = self.run_command("--help").stdout
        for name in (b"decode", b"simulate", b"user", b"twistd -n waygps"):
            assert name in helped
