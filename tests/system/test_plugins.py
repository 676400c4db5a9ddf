"""Third parties: a protocol file in a directory, in an installed distribution, with its own Twisted protocol, and broken ones."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import copyfile

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.vendors import LOGIN, POSITION
from tests.ports import free_port
from tests.system.server import CHECKOUT, Server, receive, until
from waygps.cli.templates import binary

SIMPLE = '''
"""ACME trackers: `@IMEI;lat;lon#`, answered `+`."""

from zope.interface import implementer

from waygps.fix import Fix, Message
from waygps.interfaces import IDecoder
from waygps.vendor import Vendor


@implementer(IDecoder)
class Decoder:
    max_buffer = 100

    def __init__(self, transport, device=""):
        self._rest = b""

    @property
    def held(self):
        return len(self._rest)

    def feed(self, data):
        *frames, self._rest = (self._rest + data)[-100:].split(b"#")
        for frame in frames:
            device, lat, lon = frame.lstrip(b"@").decode().split(";")
            yield Message(device=device, fixes=(Fix(time=None, lat=float(lat), lon=float(lon)),), reply=b"+", raw=frame)

    def end(self):
        return []


acme = Vendor(name="acme", title="ACME", port=%(port)d, decoder=Decoder)
'''

OWN_PROTOCOL = '''
"""A vendor with a Twisted protocol of its own: it greets first, which no decoder can."""

from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

from waygps.fix import Fix, Message
from waygps.vendor import Vendor


class Talker(LineReceiver):
    def connectionMade(self):
        self.session = self.factory.sessions.session("talker")
        self.sendLine(b"who?")

    def lineReceived(self, line):
        message = Message(device=line.decode(), fixes=(Fix(time=None, lat=1.0, lon=2.0),), reply=b"thanks")
        self.session.submit(message).addCallback(lambda answer: self.sendLine(answer.data))


class TalkerVendor(Vendor):
    def factory(self, sessions):
        factory = Factory.forProtocol(Talker)
        factory.sessions = sessions
        return factory


talker = TalkerVendor(name="talker", title="Talker", port=%(port)d, transports=("tcp",), decoder=None)
'''


class Plugins(SynchronousTestCase):
    """A server with protocol files from two places."""

    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.dropped = self.server.directory / "dropped"
        self.installed = self.server.directory / "site"
        (self.installed / "protocols").mkdir(parents=True)
        self.dropped.mkdir()
        self.server.settings["RECEIVERS_PROTOCOL_DIRS"] = str(self.dropped)

    def file(self, path: Path, text: str, vendor: str) -> None:
        """Write a protocol file whose vendor has a free port."""
        self.server.ports[vendor] = free_port()
        path.write_text(text % {"port": self.server.ports[vendor]})

    def start(self) -> None:
        before = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = f"{self.installed}{os.pathsep}{before}"
        self.addCleanup(os.environ.__setitem__, "PYTHONPATH", before)
        self.server.start()

    def test_dropped_in(self) -> None:
        """A file dropped into the configured directory is all it takes: its port is open, its devices are stored and answered."""
        self.file(self.dropped / "acme.py", SIMPLE, "acme")
        self.start()
        with self.server.tcp("acme") as device:
            device.sendall(b"@77;1.5;2.5#@77;1.6;")
            assert receive(device, 1) == b"+"
            assert self.server.rows("SELECT ultimo_lat::float, ultimo_lon::float FROM moviles WHERE imei = '77'") == [(1.5, 2.5)]
        with self.server.udp("acme") as device:
            device.send(b"@78;1.5;2.5#")
            assert device.recv(10) == b"+"
        with self.server.tcp("generic") as device:
            device.sendall(b"IMEI: 1, LAT: 1, LON: 2\n")
            assert receive(device, 4) == b"OK\r\n"

    def test_own_protocol_from_a_distribution(self) -> None:
        """A distribution that ships protocols/NAME.py is found, and its vendor may bring a Twisted protocol of its own."""
        self.file(self.installed / "protocols" / "talker.py", OWN_PROTOCOL, "talker")
        self.start()
        with self.server.tcp("talker") as device:
            assert receive(device, 6) == b"who?\r\n"
            device.sendall(b"77\r\n")
            assert receive(device, 8) == b"thanks\r\n"
        assert self.server.rows(
            "SELECT imei, raw_data->>'protocolo' FROM moviles m JOIN posiciones_historicas ON m.id = movil_id"
        ) == [("77", "talker")]

    def test_broken_and_double(self) -> None:
        """A broken file is named with its error, two vendors of one name with both paths; everything else runs."""
        (self.dropped / "broken.py").write_text("import no_such_module\n")
        self.file(self.dropped / "acme.py", SIMPLE, "acme")
        self.file(self.dropped / "acme_copy.py", SIMPLE, "acme")
        self.file(self.dropped / "other.py", SIMPLE.replace('name="acme"', 'name="other"'), "other")
        self.start()
        log = self.server.log()
        assert (
            f"protocol file {self.dropped / 'broken.py'} is skipped: ModuleNotFoundError: No module named 'no_such_module'" in log
        )
        assert "vendor acme is refused" in log
        for name in ("acme.py", "acme_copy.py"):
            assert str(self.dropped / name) in log
        self.assertRaises(ConnectionRefusedError, self.server.tcp, "acme")
        with self.server.tcp("other") as device:
            device.sendall(b"@77;1.5;2.5#")
            assert receive(device, 1) == b"+"

    def test_faulty_decoder(self) -> None:
        """A decoder that raises what it must not ends its own connection, and no other one."""
        self.file(self.dropped / "acme.py", SIMPLE, "acme")
        self.start()
        with self.server.tcp("acme") as broken, self.server.tcp("acme") as device:
            broken.sendall(b"nonsense#")
            assert broken.recv(10) == b""
            device.sendall(b"@77;1.5;2.5#")
            assert receive(device, 1) == b"+"
        until(lambda: "which is a fault of its decoder" in self.server.log(), "the decoder's fault in the log")

    def test_the_guide(self) -> None:
        """The files of the guide, one dropped in, one of an installed distribution, serve devices: login, report, answers."""
        self.server.ports |= {"acme": free_port(), "acme_b7": free_port()}
        example = CHECKOUT / "examples" / "waygps-acme" / "src" / "protocols"
        copyfile(example / "acme.py", self.dropped / "acme.py")
        copyfile(example / "acme_b7.py", self.installed / "protocols" / "acme_b7.py")
        self.start()
        with self.server.tcp("acme") as device:
            device.sendall(LOGIN + POSITION)
            assert receive(device, 14) == b"!L*OK\r\n!P*OK\r\n"
        login, report = (sample.data for sample in binary.SAMPLES[:2])
        with self.server.tcp("acme_b7") as device:
            device.sendall(login + report)
            answers = receive(device, 22)
            assert answers[13:] == bytes.fromhex("aa55820000000270b8")
        rows = self.server.rows("SELECT raw_data->>'protocolo' FROM posiciones_historicas ORDER BY 1")
        assert rows == [("acme",), ("acme_b7",)]
