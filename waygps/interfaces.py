"""What a vendor's plugin provides, and what it may rely on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IPushProducer
from zope.interface import Attribute, Interface

from waygps.fix import Fix, Message
from waygps.request import Request

Transport = Literal["tcp", "udp", "http"]


class Verdict(Enum):
    """Whether bytes are of a protocol. What more bytes can change is MORE, and nothing else."""

    NO = "no"
    MORE = "more"
    YES = "yes"


class IDecoder(Interface):
    """Turns the bytes of one connection, or of one datagram, into messages. Pure: no I/O, no clock, no reactor.

    Fed one byte at a time it gives what it gives fed all at once. It raises nothing but DecodeError, and gives the messages
    before the faulty bytes before it raises. After DecodeError it is not used again.
    """

    max_buffer: int = Attribute("The most bytes that are ever held back while waiting for the rest of a message.")
    held: int = Attribute("Bytes held back now; never more than max_buffer.")

    def feed(data: bytes) -> Iterable[Message]:
        """Give the messages that ``data`` completes, in order. The caller exhausts the iterable."""

    def end() -> Iterable[Message]:
        """Give what the held-back bytes amount to now that no more will come (connection closed, datagram over)."""


class IRequests(Interface):
    """Optional beside IVendor: the vendor's devices speak HTTP (``transports`` has "http"). Pure, as a decoder is."""

    def claims(request: Request) -> bool:
        """Whether this request is of a device of this vendor, however wrong the rest of it is. Raises nothing."""

    def messages(request: Request) -> Iterable[Message]:
        """What the request says. The replies of its messages, one after the other, are the body of the answer.

        Raises DecodeError, whose text is the answer of status 400, where it cannot be read.
        """


class IEncoder(Interface):
    """The device's side of a protocol: what a simulated vehicle sends. Pure, as a decoder is.

    An optional attribute ``is_answered`` is False where the protocol has no answer to a report: what is sent counts as arrived.
    """

    most_fixes: int = Attribute("The most fixes in one report, which is answered once.")

    def hello() -> bytes:
        """What the device sends first, b"" for nothing; it waits for an answer before it reports."""

    def report(fixes: tuple[Fix, ...]) -> bytes:
        """One message with these fixes."""


class Outcome(Enum):
    """What became of a message."""

    STORED = "stored"
    """All of it is durable, or there was nothing to store."""
    REFUSED = "refused"
    """The device is not accepted."""
    UNAVAILABLE = "unavailable"
    """It is not durable: the device has to send it again."""


class Answer(Struct, frozen=True):
    """What may now be said to the device: ``data`` (b"" for nothing), and whether the connection ends after it."""

    data: bytes = b""
    close: bool = False
    outcome: Outcome = Outcome.STORED
    reason: str = ""
    """Why it is refused; "" where it is not."""


class ISession(Interface):
    """One connection's way into the pipeline."""

    def submit(message: Message) -> Deferred[Answer]:
        """Hand in a message; the Deferred fires when its fixes are durable, or the device was refused. It never fails."""

    def undecodable(data: bytes = b"", reason: str = "") -> None:
        """What came last, ``data``, cannot be decoded for this reason; ``end`` follows when the connection is gone."""

    def end() -> None:
        """The connection is gone; what was submitted is stored all the same."""


class ISessionFactory(Interface):
    """What the server offers to a vendor's own protocol: a way to hand in messages."""

    def session(peer: str, producer: IPushProducer | None = None) -> ISession:
        """Begin the account of one connection from ``peer``; ``producer`` is paused while the store cannot take more."""


class IVendor(Interface):
    """A drop-in protocol. An instance at the module level of ``protocols/NAME.py`` is all there is to installing one."""

    name: str = Attribute("Short unique name, lower case: what receivers, commands and rows call the vendor.")
    title: str = Attribute("Name for people.")
    maker: str = Attribute("Manufacturer of the devices.")
    transports: tuple[Transport, ...] = Attribute("Transports the devices use; a receiver is made for each.")
    port: int = Attribute("Port its users know, for the first receiver that is made.")
    active: bool = Attribute("Whether the receivers made for a vendor seen for the first time are opened.")

    def decoder(transport: Transport, device: str = "") -> IDecoder:
        """Make the decoder of one connection or datagram; ``device`` is its identification where that is known already."""

    def encoder(device: str, transport: Transport) -> IEncoder | None:
        """Make a pretended device for the simulator and the benchmarks; None: the vendor cannot be simulated."""

    def factory(sessions: ISessionFactory) -> IProtocolFactory:
        """Make the Twisted factory of a TCP receiver; the default feeds a decoder, an odd vendor brings its own protocol."""


class IRecognises(Interface):
    """Optional beside IVendor: what tells the vendor's bytes from others'. A vendor without it is recognised by its decoder."""

    guesses: bool = Attribute("The verdict is only what the decoder makes of the bytes: a vendor that knows goes before it.")

    def recognises(data: bytes, transport: Transport) -> Verdict:
        """Say whether a connection that begins with ``data`` is of a device of this vendor. Pure, and raises nothing.

        Over UDP ``data`` is one datagram, and all of it. A connection is asked about with growing ``data``: YES and NO are final.
        Say YES to what no other vendor's devices can send, as early as the device waits for an answer.
        """
