"""TLS for the connections of a receiver, behind its limits: who is refused costs no handshake, who stalls in one is overdue."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct
from OpenSSL import SSL
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator, IProtocolFactory
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from waygps.errors import ReceiverError

LOOK_EVERY = 10.0
"""Seconds between two looks at the files, which are only taken when a device connects."""

Stamp = tuple[tuple[int, int, int], ...]


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """``configuracion_avanzada -> 'tls'`` of a receiver: two PEM files."""

    certificado: str
    """The certificate, followed by those between it and the root."""
    clave: str
    """Its private key, without a passphrase."""


def pair(settings: object) -> Pair:
    """The files that these settings name. ReceiverError where they are not two names."""
    try:
        return msgspec.convert(settings, Pair)
    except msgspec.ValidationError as error:
        raise ReceiverError(f"configuracion_avanzada.tls has to be {{certificado, clave}}: {error}") from error


def context(files: Pair) -> SSL.Context:
    """TLS 1.2 or newer with this certificate. ReceiverError names the file that is missing or wrong."""
    made: SSL.Context = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
    _, key = _read(files.certificado), _read(files.clave)
    try:
        made.use_certificate_chain_file(files.certificado)
    except SSL.Error as error:
        raise ReceiverError(f"TLS: {files.certificado} is no certificate in PEM") from error
    try:
        made.use_privatekey(load_pem_private_key(key, None))  # type: ignore[arg-type]
        made.check_privatekey()
    except (SSL.Error, TypeError, ValueError, UnsupportedAlgorithm) as error:
        fault = f"is no key in PEM without a passphrase, or not that of {files.certificado}"
        raise ReceiverError(f"TLS: {files.clave} {fault}") from error
    return made


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ReceiverError(f"TLS: {path} cannot be read: {error.strerror}") from error


@implementer(IOpenSSLServerConnectionCreator)
class Certificate:
    """The certificate of a receiver, read again when its files have changed. Bad new files are said, and the old ones serve."""

    _log = Logger()

    def __init__(self, files: Pair, receiver: str, now: Callable[[], float]) -> None:
        self._files = files
        self._receiver = receiver
        self._now = now
        self._looked = now()
        self._stamp = self._stamped()
        self._context = context(files)

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N802
        if self._now() - self._looked >= LOOK_EVERY:
            self._look()
        return SSL.Connection(self._context, None)

    def _look(self) -> None:
        # Two small local files, looked at a few times a minute: no work for a thread.
        self._looked, stamp = self._now(), self._stamped()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context = context(self._files)
            self._log.info("receiver {receiver}: the certificate was read again", receiver=self._receiver)
        except ReceiverError as error:
            self._log.error("receiver {receiver}: {error}; the old one serves", receiver=self._receiver, error=str(error))

    def _stamped(self) -> Stamp:
        return tuple(_stamp(path) for path in (self._files.certificado, self._files.clave))


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


class EncryptedFactory(TLSMemoryBIOFactory):
    """TLS before a factory, which may make no protocol."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        protocol = self.wrappedFactory.buildProtocol(addr)
        return None if protocol is None else self.protocol(self, protocol)


def encrypted(factory: IProtocolFactory, settings: object, receiver: str, clock: Any) -> IProtocolFactory:
    """The factory behind TLS as ``settings`` (see Pair) say. ReceiverError names what is wrong with them."""
    made: IProtocolFactory = EncryptedFactory(Certificate(pair(settings), receiver, clock.seconds), False, factory, clock)
    return made
