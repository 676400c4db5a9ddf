"""Which vendor is this? Decided on the first bytes of a connection, or on a datagram. Pure: no transport, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from twisted.logger import Logger

from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.interfaces import IRecognises, IVendor, Transport, Verdict

MOST_BYTES = 8192
"""Bytes within which a vendor has to be recognised; what is undecided then is nobody's."""

_log = Logger()
_faulty: set[str] = set()
"""Vendors whose fault was said already."""


def by_decoder(vendor: IVendor, data: bytes, transport: Transport) -> Verdict:
    """The verdict of a vendor's decoder, where nothing better is known: YES to a message with a device, NO to a DecodeError."""
    try:
        if any(message.device for message in messages_of(vendor, data, transport, whole=transport == "udp")):
            return Verdict.YES
    except DecodeError:
        return Verdict.NO
    except Exception:  # a fault of the decoder, which is told when it decodes what it was chosen for
        return Verdict.NO
    return Verdict.MORE


def messages_of(vendor: IVendor, data: bytes, transport: Transport, *, whole: bool) -> Iterator[Message]:
    """What the vendor's decoder makes of the bytes; ``whole``: nothing follows them."""
    decoder = vendor.decoder(transport)
    yield from decoder.feed(data)
    if whole:
        yield from decoder.end()


def verdict(vendor: IVendor, data: bytes, transport: Transport) -> Verdict:
    """What this vendor says of the bytes; a fault of its own is said in the log, and is a NO."""
    candidate = _Candidate(vendor)
    candidate.ask(data, transport)
    return candidate.verdict


def is_guess(vendor: IVendor) -> bool:
    """Whether the verdict of this vendor is only what its decoder makes of the bytes."""
    return _Candidate(vendor).guesses


class _Candidate:
    """A vendor that it may be, and what it says so far."""

    def __init__(self, vendor: IVendor) -> None:
        self.vendor = vendor
        self.verdict = Verdict.MORE
        self._own: IRecognises | None = IRecognises(vendor, None)
        self.guesses = self._own is None or self._own.guesses

    def ask(self, data: bytes, transport: Transport) -> None:
        try:
            verdict = self._own.recognises(data, transport) if self._own else by_decoder(self.vendor, data, transport)
        except Exception:
            if self.vendor.name not in _faulty:
                _faulty.add(self.vendor.name)
                _log.failure("recognises of vendor {vendor} raised, which is its fault", vendor=self.vendor.name)
            verdict = Verdict.NO
        self.verdict = verdict

    def makes_fixes(self, data: bytes, transport: Transport) -> bool:
        """Whether ``data``, now that nothing follows, is a report."""
        try:
            return any(message.fixes for message in messages_of(self.vendor, data, transport, whole=True))
        except Exception:  # as above
            return False


class Sniffer:
    """Fed what arrives until one vendor is found, or none can be. Of those who say yes, one that knows its bytes goes first."""

    def __init__(self, vendors: Iterable[IVendor], transport: Transport) -> None:
        self.vendor: IVendor | None = None
        """Whose device it is, once that is decided."""
        self.held = b""
        """All that was fed: the vendor's protocol has to get it."""
        self.transport: Transport = transport
        self._candidates = [_Candidate(vendor) for vendor in vendors if transport in vendor.transports]
        self._is_over = False

    @property
    def is_open(self) -> bool:
        """Whether more bytes may still tell."""
        return not self._is_over and self.vendor is None and any(self._said(Verdict.MORE, *self._candidates))

    @property
    def vendors(self) -> list[IVendor]:
        """Those among whom it decides."""
        return [candidate.vendor for candidate in self._candidates]

    @property
    def names(self) -> list[str]:
        """The vendors that say yes."""
        return [candidate.vendor.name for candidate in self._said(Verdict.YES, *self._candidates)]

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self.held += data
        head = self.held[:MOST_BYTES]
        for candidate in self._said(Verdict.MORE, *self._candidates):
            candidate.ask(head, self.transport)
        self._decide(final=len(self.held) >= MOST_BYTES)

    def conclude(self) -> None:
        """Decide on what there is: the datagram or the connection is over, or the device waits for an answer."""
        self._decide(final=True)

    def finish(self) -> None:
        """Decide on what there is, a last line without its end included: nothing will follow."""
        self.conclude()
        undecided = self._said(Verdict.MORE, *self._candidates)
        if self.vendor is None and not self.names and len(self.held) < MOST_BYTES:
            whole = [candidate.vendor for candidate in undecided if candidate.makes_fixes(self.held, self.transport)]
            self.vendor = whole[0] if len(whole) == 1 else None

    def _decide(self, final: bool) -> None:
        self._is_over = self._is_over or final
        for guesses in (False, True):
            equals = [candidate for candidate in self._candidates if candidate.guesses is guesses]
            yes, more = self._said(Verdict.YES, *equals), self._said(Verdict.MORE, *equals)
            if yes or (more and not final):
                self.vendor = yes[0].vendor if len(yes) == 1 and (final or not more) else None
                return

    def _said(self, verdict: Verdict, *candidates: _Candidate) -> list[_Candidate]:
        return [candidate for candidate in candidates if candidate.verdict is verdict]
