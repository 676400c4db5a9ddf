"""Deciding between vendors by what they say of the first bytes."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.fakes import LineDecoder, logged
from waygps.errors import DecodeError
from waygps.ingest.sniff import MOST_BYTES, Sniffer, by_decoder
from waygps.interfaces import IDecoder, IRecognises, IVendor, Transport, Verdict
from waygps.vendor import Vendor

Recognises = Callable[[bytes, Transport], Verdict]
NO, MORE, YES = Verdict.NO, Verdict.MORE, Verdict.YES


def vendor(name: str, recognises: Recognises | None = None, transports: tuple[Transport, ...] = ("tcp", "udp")) -> Vendor:
    """A vendor of the made-up protocol of lines, which knows its bytes by ``recognises``."""
    return Vendor(
        name=name,
        title=name,
        port=1,
        decoder=lambda transport, device: LineDecoder(),
        recognises=recognises,
        transports=transports,
    )


def begins(*, yes: bytes, no: bytes = b"\n") -> Recognises:
    """Knows its messages by how they begin; ``no`` anywhere says that it is none of them."""

    def recognises(data: bytes, transport: Transport) -> Verdict:
        if data.startswith(yes):
            return YES
        return NO if no in data or not yes.startswith(data) else MORE

    return recognises


def always(verdict: Verdict) -> Recognises:
    """Says the same to everything."""
    return lambda data, transport: verdict


def sniffed(*vendors: IVendor, data: bytes = b"A 1", transport: Transport = "tcp") -> Sniffer:
    """What these vendors make of the data."""
    sniffer = Sniffer(vendors, transport)
    sniffer.feed(data)
    return sniffer


def name(sniffer: Sniffer) -> str:
    """Whose it is; "" for nobody's yet."""
    return sniffer.vendor.name if sniffer.vendor else ""


@implementer(IVendor)
class Bare:
    """A third party's vendor that is made without WayGPS's Vendor, and knows nothing of recognition."""

    name = title = maker = "bare"
    transports: tuple[Transport, ...] = ("tcp", "udp")
    port = 1
    active = True

    def decoder(self, transport: Transport, device: str = "") -> IDecoder:
        return LineDecoder()

    def encoder(self, device: str, transport: Transport) -> None:
        return None

    def factory(self, sessions: object) -> None:  # type: ignore[override]
        raise NotImplementedError


class SnifferTests(SynchronousTestCase):
    def test_the_only_yes(self) -> None:
        """Where one vendor says yes and the others no, it is that vendor's, at once."""
        sniffer = sniffed(vendor("a", always(NO)), vendor("b", always(YES)))
        assert (name(sniffer), sniffer.is_open, sniffer.held) == ("b", False, b"A 1")

    def test_another_may_still_be_it(self) -> None:
        """A yes waits for those who need more bytes, and stands when they say no."""
        sniffer = sniffed(vendor("a", begins(yes=b"+A")), vendor("b", begins(yes=b"+AB")), data=b"+A")
        assert (name(sniffer), sniffer.is_open, sniffer.names) == ("", True, ["a"])
        sniffer.feed(b"C")
        assert (name(sniffer), sniffer.held) == ("a", b"+AC")

    def test_waiting_for_an_answer(self) -> None:
        """A device that sends nothing more until it is answered is the vendor's that said yes."""
        sniffer = sniffed(vendor("a", begins(yes=b"+A")), vendor("b", begins(yes=b"+AB")), data=b"+A")
        sniffer.conclude()
        assert name(sniffer) == "a"

    def test_two_say_yes(self) -> None:
        """Where two vendors say yes it is nobody's, and both are named."""
        sniffer = sniffed(vendor("a", always(YES)), vendor("b", always(YES)))
        sniffer.finish()
        assert (name(sniffer), sniffer.is_open, sniffer.names) == ("", False, ["a", "b"])

    def test_knowing_goes_before_guessing(self) -> None:
        """A vendor that knows its bytes goes before those whose decoder would take anything, whatever these say."""
        for data in (b"+A", b"+A 1\n"):
            assert name(sniffed(vendor("lenient"), vendor("a", begins(yes=b"+A")), data=data)) == "a"
        waits = sniffed(vendor("lenient"), vendor("a", begins(yes=b"+ABCDEF", no=b"x")), data=b"+A")
        assert (name(waits), waits.is_open) == ("", True)

    def test_nobody(self) -> None:
        """Where all say no there is nothing to wait for."""
        sniffer = sniffed(vendor("a", always(NO)), vendor("b", always(NO)))
        assert (name(sniffer), sniffer.is_open, sniffer.names) == ("", False, [])

    def test_no_vendor_of_the_transport(self) -> None:
        """A vendor whose devices do not use the transport is not asked."""
        assert not sniffed(vendor("a", always(YES), ("udp",))).is_open

    def test_bound(self) -> None:
        """Bytes that no vendor ever decides on are held up to the bound and not longer."""
        sniffer = sniffed(vendor("a", always(MORE)), data=b"x" * (MOST_BYTES - 1))
        assert sniffer.is_open
        sniffer.feed(b"x")
        sniffer.finish()
        assert (name(sniffer), sniffer.is_open) == ("", False)

    def test_yes_at_the_bound(self) -> None:
        """At the bound a yes stands, though another vendor would ask for more for ever."""
        sniffer = sniffed(vendor("a", always(MORE)), vendor("b", always(YES)), data=b"x" * MOST_BYTES)
        assert name(sniffer) == "b"

    def test_not_asked_again(self) -> None:
        """A vendor that has said no is not asked again, however slowly the bytes come."""
        asked: list[bytes] = []

        def recognises(data: bytes, transport: Transport) -> Verdict:
            asked.append(data)
            return NO

        sniffer = sniffed(vendor("a", recognises), vendor("b", always(MORE)), data=b"x")
        sniffer.feed(b"y")
        assert asked == [b"x"]

    def test_end_of_a_connection(self) -> None:
        """A report that lacks only its end counts when the connection ends; of two vendors that would take it, neither."""
        sniffer = sniffed(vendor("lines"), data=b"A 1")
        assert name(sniffer) == ""
        sniffer.finish()
        assert name(sniffer) == "lines"
        both = sniffed(vendor("lines"), vendor("others"), data=b"A 1")
        both.finish()
        assert name(both) == ""

    def test_faulty_vendor(self) -> None:
        """A vendor whose own recognition raises is told once in the log, and the others are recognised."""

        def recognises(data: bytes, transport: Transport) -> Verdict:
            raise RuntimeError("a bug in the plugin")

        with logged() as lines:
            for _ in range(3):
                assert name(sniffed(vendor("faulty", recognises), vendor("b", always(YES)))) == "b"
        assert lines == ["recognises of vendor faulty raised, which is its fault"]
        self.flushLoggedErrors(RuntimeError)


class ByDecoderTests(SynchronousTestCase):
    def verdict(self, data: bytes, transport: Transport = "tcp") -> Verdict:
        return by_decoder(vendor("lines"), data, transport)

    def test_interface(self) -> None:
        """Every vendor made with Vendor can be asked, also one that was written before there was anything to ask."""
        verifyObject(IRecognises, vendor("lines"))
        assert vendor("lines").guesses
        assert not vendor("lines", always(NO)).guesses

    def test_its_message(self) -> None:
        """A vendor that says nothing is recognised by a message that its decoder finds."""
        assert [self.verdict(data) for data in (b"", b"A", b"A 1", b"A 1\n")] == [MORE, MORE, MORE, YES]

    def test_not_its_message(self) -> None:
        """What its decoder refuses is not the vendor's."""
        assert self.verdict(b"!\n") is NO

    def test_datagram(self) -> None:
        """A datagram is whole: it needs no end of a line."""
        assert self.verdict(b"A 1", "udp") is YES

    def test_broken_decoder(self) -> None:
        """A vendor whose decoder fails, or that has none, recognises nothing."""

        def broken(transport: Transport, device: str) -> IDecoder:
            raise DecodeError("none") if transport == "udp" else TypeError("none")

        made = Vendor(name="broken", title="Broken", port=1, decoder=broken)
        assert [by_decoder(made, b"A 1\n", transport) for transport in made.transports] == [NO, NO]

    def test_subclass(self) -> None:
        """A vendor that overrides recognises knows its bytes as one that was given a function."""

        class Own(Vendor):
            def recognises(self, data: bytes, transport: Transport) -> Verdict:
                return YES

        own = Own(name="own", title="Own", port=1, decoder=lambda transport, device: LineDecoder())
        assert not own.guesses
        assert name(sniffed(vendor("lines"), own, data=b"A 1\n")) == "own"

    def test_bare_vendor(self) -> None:
        """A third party's vendor that has no recognises at all is recognised by its decoder."""
        assert name(sniffed(Bare(), vendor("a", always(NO)), data=b"A 1\n")) == "bare"
