"""Receivers that speak TLS, with a real client; and what an operator reads whose certificate is wrong."""

from __future__ import annotations

import socket
import ssl
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests import certificates
from tests.fakes import FakeSessions, logged
from tests.ingest.watching import TCP, UDP, LineVendor
from waygps.config import Limits
from waygps.errors import ReceiverError
from waygps.ingest.files import Files
from waygps.ingest.guard import Guard
from waygps.ingest.journal import NAME, Journal
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.tls import Certificate, Pair, context, pair
from waygps.interfaces import Answer
from waygps.ports import Listener
from waygps.storage.receivers import Receiver

HERE = "127.0.0.1"


class DirectoryCase(SynchronousTestCase):
    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def files(self, **changes: Path) -> Pair:
        """A good pair but for these."""
        certificate, key = certificates.make(self.directory)
        return Pair(str(changes.get("certificate", certificate)), str(changes.get("key", key)))


class FilesTests(DirectoryCase):
    def complaint(self, files: Pair) -> str:
        """What is wrong with them."""
        with self.assertRaises(ReceiverError) as caught:
            context(files)
        return str(caught.exception)

    def test_missing(self) -> None:
        """A file that is not there is named, be it the certificate or the key."""
        nowhere = self.directory / "nowhere.pem"
        for files in (self.files(certificate=nowhere), self.files(key=nowhere)):
            assert self.complaint(files) == f"TLS: {nowhere} cannot be read: No such file or directory"

    def test_not_pem(self) -> None:
        """A file with something else in it is named."""
        text = self.directory / "text.pem"
        text.write_text("hello")
        assert self.complaint(self.files(certificate=text)) == f"TLS: {text} is no certificate in PEM"
        assert f"{text} is no key in PEM" in self.complaint(self.files(key=text))

    def test_key_of_another(self) -> None:
        """A key that is not the certificate's is named, with the certificate."""
        other = self.directory / "other"
        other.mkdir()
        _, key = certificates.make(other)
        files = self.files(key=key)
        assert f"{key} is no key in PEM without a passphrase, or not that of {files.certificado}" in self.complaint(files)

    def test_passphrase(self) -> None:
        """A key with a passphrase is refused, and nobody is asked for it on a terminal."""
        certificate, key = certificates.make(self.directory, password=b"secret")
        assert f"{key} is no key in PEM without a passphrase" in self.complaint(Pair(str(certificate), str(key)))

    def test_settings(self) -> None:
        """What the row has instead of two names is refused; a receiver that is to be encrypted is never opened without."""
        wrong: list[object] = [{}, [], "x", True, {"certificado": "a"}, {"certificado": "a", "clave": 1}]
        wrong.append({"cert": "a", "key": "b"})
        for settings in wrong:
            with self.assertRaises(ReceiverError) as caught:
                pair(settings)
            assert "configuracion_avanzada.tls has to be {certificado, clave}" in str(caught.exception)

    def test_renewed(self) -> None:
        """A renewed certificate is taken without a restart; until its key is there too, and it fits, the old one serves."""
        seconds = [0.0]
        certificate = Certificate(self.files(), "Norte", lambda: seconds[0])
        before: Any = certificate._context
        with logged() as lines:
            _, key = certificates.make(self.directory, "renewed")
            good = key.read_bytes()
            certificate.serverConnectionForTLS(cast_none())
            key.write_text("half a key")
            seconds[0] = 11
            certificate.serverConnectionForTLS(cast_none())
            assert certificate._context is before
            certificate.serverConnectionForTLS(cast_none())
            key.write_bytes(good)
            seconds[0] = 22
            certificate.serverConnectionForTLS(cast_none())
            assert certificate._context is not before
        assert len(lines) == 2
        assert lines[0].startswith(f"receiver Norte: TLS: {key} is no key in PEM")
        assert lines[1] == "receiver Norte: the certificate was read again"


def cast_none() -> Any:
    """The protocol that a connection is made for, which does not matter."""
    return None


class Prompt(FakeSessions):
    """Answers at once."""

    def session(self, peer: str, producer: Any = None) -> Any:
        made: Any = super().session(peer, producer)
        submit = made.submit

        def submitted(message: Any) -> Deferred[Answer]:
            answered: Deferred[Answer] = submit(message)
            made.answer(-1)
            return answered

        made.submit = submitted
        return made


class ReceiverTests(TestCase):
    limits = Limits(connections_receiver=1)

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        journal = Journal(self.directory, lambda: 0.0)
        self.guard = Guard(reactor, self.limits, journal, Files(1000, 0, lambda kind, text: None), lambda: False)
        self.sessions = Prompt()

    def receiver(self, receiver: Receiver) -> ReceiverService:
        """It is started, on any port, and stopped after the test."""
        receiver = replace(receiver, port=0)
        ward = self.guard.ward(receiver)
        vendor = self.guard.vendor(LineVendor(), receiver)
        service = ReceiverService(Listener(reactor, HERE), receiver, vendor, self.sessions, ward)
        service.startService()
        self.addCleanup(service.stopService)
        return service

    def encrypted(self) -> ReceiverService:
        """With a certificate of this test."""
        certificate, key = certificates.make(self.directory)
        return self.receiver(replace(TCP, tls={"certificado": str(certificate), "clave": str(key)}))

    def port(self, service: ReceiverService) -> int:
        """Where it listens."""
        assert service.fault == ""
        return int(service._port.getHost().port)  # type: ignore[union-attr]

    def client(self, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """A device that trusts this certificate and no other."""
        made = ssl.create_default_context(cafile=str(self.directory / "certificate.pem"))
        made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old versions, which is what is to be refused
            made.maximum_version = newest
        return made

    def connected(self, port: int, client: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A device connects, checks the certificate and has its handshake."""
        plain = socket.create_connection((HERE, port), 10)
        self.addCleanup(plain.close)
        device = (client or self.client()).wrap_socket(plain, server_hostname="localhost")
        self.addCleanup(device.close)
        return device

    async def test_device(self) -> None:
        """A device that speaks TLS is answered as one that does not, and is one line of the log when it has gone."""
        port = self.port(self.encrypted())

        def reports() -> tuple[bytes, str | None]:
            with self.connected(port) as device:
                device.sendall(b"A 1\nA ")
                said = device.recv(100)
                device.sendall(b"2\n")
                return said + device.recv(100), device.version()

        assert await deferToThread(reports) == (b"ack 1\nack 2\n", "TLSv1.3")
        while not (self.directory / NAME).exists():
            await deferToThread(lambda: None)
        assert 'device="A" messages=2' in (self.directory / NAME).read_text()

    async def test_old_version(self) -> None:
        """TLS 1.2 is the oldest that is spoken."""
        port = self.port(self.encrypted())

        def version(newest: ssl.TLSVersion) -> str:
            try:
                with self.connected(port, self.client(newest)) as device:
                    return str(device.version())
            except (ssl.SSLError, ConnectionError) as error:
                return type(error).__name__

        assert await deferToThread(version, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        while self.guard.gates()[0].open:
            await deferToThread(lambda: None)
        assert "TLSv1" not in await deferToThread(version, ssl.TLSVersion.TLSv1_1)

    async def test_limits_go_first(self) -> None:
        """A connection more than there may be is refused before its handshake."""
        port = self.port(self.encrypted())

        def refused() -> type[Exception] | None:
            first = self.connected(port)
            first.sendall(b"A 1\n")
            assert first.recv(100) == b"ack 1\n"
            try:
                self.connected(port)
            except (ssl.SSLError, ConnectionError) as error:
                return type(error)
            return None

        assert await deferToThread(refused) is not None
        (gate,) = self.guard.gates()
        assert gate.cost == {"receiver": 1}

    async def test_plain_device(self) -> None:
        """Bytes without TLS are no message, and their connection ends."""
        port = self.port(self.encrypted())

        def says() -> bytes:
            with socket.create_connection((HERE, port), 10) as device:
                device.sendall(b"A 1\n" * 10)
                try:
                    while device.recv(100):
                        pass
                except ConnectionError:
                    pass
                return b"ended"

        assert await deferToThread(says) == b"ended"
        assert all(session.messages == [] for session in self.sessions.made)

    def test_bad_certificate(self) -> None:
        """A receiver whose certificate is missing is not opened, which is said with the file and the receiver; another one is."""
        with logged() as lines:
            service = self.receiver(replace(TCP, tls={"certificado": "/nowhere/a.pem", "clave": "/nowhere/k.pem"}))
        fault = "receiver Lines TCP: TCP port 0: TLS: /nowhere/a.pem cannot be read: No such file or directory"
        assert service.fault == fault
        assert lines == [fault.replace("port 0: ", "port 0 is not opened: ")]
        self.port(self.receiver(replace(TCP, id=7, name="other")))

    def test_datagrams(self) -> None:
        """A UDP receiver that is to speak TLS is not opened in the clear."""
        service = self.receiver(replace(UDP, tls={"certificado": "a", "clave": "b"}))
        assert service.fault.endswith("TLS is for TCP: take tls out of configuracion_avanzada")
