"""``waygps trace``: a device is followed live on the real program."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from protocols.teltonika import teltonika
from tests.system.server import CHECKOUT, ServerCase, receive, until
from waygps.fix import Fix

IMEI = "356307042441013"
LOGIN = b"\x00\x0f" + IMEI.encode()
FIX = Fix(time=1_795_500_000_000, lat=-34.6, lon=-58.4)


class Trace:
    """A running ``waygps trace``."""

    def __init__(self, case: ServerCase, *arguments: str) -> None:
        directory = case.server.directory
        self._out, self._err = directory / "trace.out", directory / "trace.err"
        command = [str(Path(sys.executable).with_name("waygps")), "trace", *arguments]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(command, cwd=CHECKOUT, env=case.server.environment(), stdout=out, stderr=err)
        case.addCleanup(self.end)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def out(self) -> str:
        return self._out.read_text()

    def err(self) -> str:
        return self._err.read_text()

    def saw(self, text: str) -> None:
        """Wait for this in what it prints."""
        until(lambda: text in self.out(), f"{text} in the trace")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out().splitlines()]

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)


def report() -> bytes:
    device = teltonika.encoder(IMEI, "tcp")
    assert device is not None
    return device.report((FIX,))


class TraceTests(ServerCase):
    settings = {"LOG_RECEIVERS_JSON": "true"}

    def test_json(self) -> None:
        """A device that is not known yet is waited for; then every message, answer and fault of it is a line of JSON, and nothing
        of another device; the trace ends cleanly with Ctrl-C, and the server forgets it."""
        trace = Trace(self, IMEI, "--json")
        trace.saw('"escucha"')
        assert f"{IMEI} is not in the table moviles: waiting for it" in trace.err()
        with self.server.tcp("teltonika") as device, self.server.tcp("generic") as other:
            other.sendall(b"IMEI: 7, LAT: 1, LON: 2\n")
            assert receive(other, 4) == b"OK\r\n"
            device.sendall(LOGIN)
            assert receive(device, 1) == b"\x01"
            device.sendall(report())
            assert receive(device, 4) == b"\0\0\0\x01"
            device.sendall(b"\0\0\0\0garbage that is no frame at all")
            assert device.recv(1) == b""
        trace.saw('"desconexion"')
        events = trace.events()[1:]
        assert {event["dispositivo"] for event in events} == {IMEI}
        assert {(event["receptor"], event["protocolo"]) for event in events} == {("Teltonika TCP", "teltonika")}
        kinds = [(event["tipo"], event.get("sentido", "")) for event in events]
        assert sorted(kinds) == sorted(
            [
                *[("mensaje", "entrada"), ("mensaje", "salida")] * 2,
                ("conexion", ""),
                ("indescifrable", "entrada"),
                ("desconexion", ""),
            ]
        )
        came = [event for event in events if kinds[events.index(event)] == ("mensaje", "entrada")]
        assert [event["hex"] for event in came] == [LOGIN.hex(), report().hex()]
        assert [(fix["lat"], fix["lon"], fix["time"]) for fix in came[1]["fixes"]] == [(-34.6, -58.4, "2026-11-24T06:00:00.000Z")]
        answers = [event for event in events if event.get("sentido") == "salida"]
        assert [(event["hex"], event["resultado"]) for event in answers] == [("01", "guardado"), ("00000001", "guardado")]
        assert all(0 <= event["ms"] < 10_000 for event in answers)
        line = json.loads(until(self.journal, "the line of the connection"))
        assert (line["receiver"], line["messages"], line["end"]) == ("Teltonika TCP", 2, "closed by the server")
        assert trace.interrupt() == 0
        assert "Traceback" not in trace.err()
        until(lambda: f"{IMEI} is traced no more" in self.server.log(), "the server to forget it")

    def journal(self) -> str:
        """The line of gps_receivers.log about the device."""
        file = self.server.data_dir / "gps_receivers.log"
        return next((line for line in file.read_text().splitlines() if IMEI in line), "") if file.exists() else ""

    def test_text(self) -> None:
        """For people there is a dump, and the fixes; with --seconds it ends by itself. A device over UDP is traced as well."""
        trace = Trace(self, "77", "--seconds", "12")
        trace.saw("listens")
        with self.server.udp("generic") as device:
            device.send(b"IMEI: 77, LAT: 1, LON: 2")
            assert device.recv(64) == b"OK\r\n"
        assert trace.process.wait(40) == 0
        assert "<-- 24 bytes at Generic UDP (generic) 127.0.0.1:" in trace.out()
        assert "    0000  49 4d 45 49 3a 20 37 37 2c 20 4c 41 54 3a 20 31  |IMEI: 77, LAT: 1|" in trace.out()
        assert "    fix lat=1.0 lon=2.0 valid=True" in trace.out()
        assert "--> 4 bytes: stored, after " in trace.out()

    def test_nothing(self) -> None:
        """A device of which nothing was heard in time has an exit code of its own."""
        trace = Trace(self, "nobody", "--seconds", "1")
        assert trace.process.wait(15) == 3

    def test_database_that_goes(self) -> None:
        """When PostgreSQL goes away the trace ends with a line that says so and a code of its own."""
        trace = Trace(self, "78")
        trace.saw("listens")
        self.server.stop_database()
        self.addCleanup(until, self.server.is_drained, "the database to be back")
        self.addCleanup(self.server.start_database)
        assert trace.process.wait(15) == 1
        assert trace.err().splitlines()[-1].startswith("Error: the database says: ")

    def test_no_server(self) -> None:
        """Where no server runs on the database that is doubted in words, and waited for."""
        trace = Trace(self, "78", "--data-dir", str(self.server.directory / "other"))
        until(lambda: "no server answers: is one running on this database?" in trace.err(), "the doubt", 60)
        assert trace.interrupt() == 0
