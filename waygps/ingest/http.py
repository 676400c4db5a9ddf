"""Ports for devices that speak HTTP: of one vendor, or a part of a port of all vendors (waygps/ingest/auto.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Factory
from zope.interface import directlyProvides, providedBy

from waygps.ingest.channel import DeviceChannel
from waygps.ingest.exchange import Speakers
from waygps.interfaces import ISessionFactory, IVendor, Transport, Verdict
from waygps.vendor import Vendor

_METHODS = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"PATCH ", b"DELETE ", b"OPTIONS ", b"TRACE ", b"CONNECT ")
_LINE = re.compile(rb"[A-Z]+ [!-~\x80-\xff]+ HTTP/1\.[01]\r?\n")
_BEGUN = re.compile(rb"[A-Z]+ [!-~\x80-\xff]*(?: [HTP/1.0\r]*)?")


class HTTPFactory(Factory):
    """Makes the connections of an HTTP port; see Speakers."""

    noisy = False

    def __init__(self, clock: Any, vendors: Mapping[IVendor, ISessionFactory], *, is_any: bool = False) -> None:
        self._speakers = Speakers(clock, vendors, is_any=is_any)

    def buildProtocol(self, addr: IAddress | None) -> DeviceChannel:
        return DeviceChannel(self._speakers)


def over(transport: str, vendor: IVendor, clock: Any) -> IVendor:
    """The vendor for a receiver of this transport, in the words of the table: TCP, UDP or HTTP."""
    return cast(IVendor, HTTPVendor(clock, vendor)) if transport == "HTTP" else vendor


class HTTPVendor:
    """A vendor whose factory serves its HTTP requests; all else of it, and what it provides, is as it was."""

    def __init__(self, clock: Any, vendor: IVendor) -> None:
        self._clock = clock
        self._vendor = vendor
        directlyProvides(self, providedBy(vendor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vendor, name)

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        return HTTPFactory(self._clock, {self._vendor: sessions})


def recognises(data: bytes, transport: Transport) -> Verdict:
    """Whether a connection begins with a request line of HTTP/1; see IRecognises."""
    line, end, _ = data.partition(b"\n")
    if not line.startswith(_METHODS):
        return Verdict.MORE if not end and any(method.startswith(line) for method in _METHODS) else Verdict.NO
    if end:
        return Verdict.YES if _LINE.fullmatch(line + end) else Verdict.NO
    return Verdict.MORE if _BEGUN.fullmatch(line) else Verdict.NO


ANY = Vendor(name="http", title="HTTP", port=80, transports=("tcp",), recognises=recognises)
"""Stands, at a receiver of all vendors, for those whose devices speak HTTP."""
