"""No guess is ever wrong: every real message of every vendor, at a receiver of all vendors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from protocols.generic import LONGEST
from tests.protocols.frames import FRAMES, frames
from waygps.ingest.http import ANY
from waygps.ingest.sniff import Sniffer
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IVendor, Transport

INSTALLED: dict[str, IVendor] = {name: found.vendor for name, found in find_vendors().items()} | {"http": ANY}
"""All vendors; those whose devices speak HTTP are one until a request is whole (tests/protocols/requesting.py)."""
PACKET = bytes.fromhex(
    "003DCAFE0105000F33353230393330383634303336353508010000016B4F815B30010000000000000000000000000000000103021503010101425DBC000001"
)
LINE = b"IMEI: 123456789, LAT: -34.603722, LON: -58.381592, SPD: 45, HDG: 180"
FIRST: dict[str, list[bytes]] = {
    "teltonika": [b"\0\x0f356307042441013", b"\xff\xff\0\x0f356307042441013", b"\0\x0835630704"],
    "queclink": [
        b"+ACK:GTHBD,060100,135790246811220,,20100214093254,11F0$",
        b"\r\n+BUFF:GTFRI,060100,",
    ],
    "generic": [
        LINE + b"\r\n",
        b"\n lat : 1 ,lon: 2, id: 7\n",
        b'{"imei": "7", "lat": 1, "lon": 2}\n',
        b"imei: 7, lat: north, lon: 2\n",
    ],
    "gps103": [
        b"##,imei:359587010124900,A;",
        b"imei:359587010124900,tracker,0809231929,13554900601,F,112909.397,A,2234.4669,N,11354.3287,E,0.11,;\n",
        b"359587010124900;",
        b"359587010124900\r\n##,imei:359587010124900,A;",
    ],
    "h02": [
        b"*HQ,4109179024,V1,103732,A,2212.8745,N,11346.6574,E,14.28,028,220902,FFFFFBFF#",
        bytes.fromhex("2441060116601245431311165035313006004318210e000000fffffbffff0024"),
        b"*HQ,,V1,173212,A,",
    ],
    "nmea": [
        b"$GPRMC,152043.000,A,4012.8735,N,07404.8841,W,0.00,,240213,,,A*64\r\n",
        b"359587010124900\r\n$GPRMC,",
        b"1003\r\n$GNGGA,",
        b"4711/022789000688081/$GPRMC,",
    ],
    "jt808": [bytes.fromhex("7e000200000123456789015b7e")],
    "gt06": [bytes.fromhex("78780d01012345678901234500018cdd0d0a")],
    "meitrack": [b"$$A142,861585041440544,AAA,35,-6.1,106.8#"],
    "suntech": [
        b"ST300STT;205174410;14;712;20110101;00:13:52;20004;+20.27;-70.31;000.000;000.00;0;0;0;12.24;000000;1;0072\r\n",
        b"SA200ALV;317652\r",
        b"ST910;Alive;123456\r",
    ],
    "ruptela": [bytes.fromhex("007900000b1a2a555c0801000f42")],
    "wialon": [b"#L#2.0;359587010124900;NA;4B8D\r\n"],
    "http": [
        b"GET /?id=123456&lat=-34.6&lon=-58.4 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}",
    ],
}
"""First messages that the files of captures have not."""
STRANGERS = [
    b"GET /index.html\r\n",
    b"get / http/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST ; IMEI: 7, LAT: 1, LON: 2\r\n",
    b"SSH-2.0-OpenSSH_9.2p1\r\n",
    bytes.fromhex("16030100f1010000ed0303"),
    b'{"jsonrpc": "2.0", "id": 1, "method": "login"}\n',
    b"id: 7, name: printer\n",
    b"+INFO: modem\r\n+CREG: 1,5\r\n",
    b"\0\0\0\x2f\xffSMBr\0\0\0\0",
    b"A: " + b"x" * LONGEST + b"\n",
    b"",
]
"""Programs, scanners and devices whose vendors are not here."""


def named(vendor: IVendor | None) -> str:
    """The vendor's name, "" for none."""
    return vendor.name if vendor else ""


def found(pieces: list[bytes], transport: Transport = "tcp") -> str:
    """Whose device sends these pieces, and keeps the connection open; all that it sent has to be there to be handed on."""
    sniffer = Sniffer(INSTALLED.values(), transport)
    for piece in pieces:
        sniffer.feed(piece)
        if not sniffer.is_open:
            break
    assert b"".join(pieces).startswith(sniffer.held)
    return named(sniffer.vendor)


def over_prefixes(data: bytes, transport: Transport) -> set[str]:
    """Whose it is said to be when the connection, or the datagram, ends after any number of bytes; "" where nobody's."""
    seen = set()
    for size in range(len(data)):
        sniffer = Sniffer(INSTALLED.values(), transport)
        sniffer.feed(data[:size])
        sniffer.finish()
        seen.add(named(sniffer.vendor))
    return seen


BARE = re.compile(rb"[0-9]{15}\r\n")
"""A heartbeat of gps103, and a login of nmea."""


def captured() -> Iterator[tuple[str, bytes]]:
    """Every message of the files, with the vendor that its file is named after; pings, numbers and -Error tell nothing."""
    for path in sorted(FRAMES.glob("*.jsonl")):
        for frame in frames(path.stem):
            if frame.frame and frame.data not in (b"\xff", b"-Error") and not BARE.fullmatch(frame.data):
                yield path.stem, frame.data


class RecognitionTests(SynchronousTestCase):
    def messages(self) -> list[tuple[str, bytes]]:
        """What installed vendors' devices begin a connection with, data of which the login was lost included."""
        written = [(vendor, data) for vendor, samples in FIRST.items() for data in samples]
        messages = [(vendor, data) for vendor, data in [*captured(), *written] if vendor in INSTALLED]
        assert {vendor for vendor, _ in messages} >= set(FIRST)
        return messages

    def test_whole(self) -> None:
        """Every message that arrives in one piece is known for its vendor's."""
        for vendor, data in self.messages():
            assert found([data]) == vendor, data

    def test_byte_by_byte(self) -> None:
        """So is one that arrives byte by byte, without a wait for what follows it."""
        for vendor, data in self.messages():
            assert found([bytes([byte]) for byte in data]) == vendor, data

    def test_over_every_prefix(self) -> None:
        """A message that breaks off anywhere is its own vendor's or nobody's, over TCP and UDP."""
        for vendor, data in self.messages():
            for transport in ("tcp", "udp"):
                assert over_prefixes(data[:600], transport) <= {vendor, ""}, (data, transport)

    def test_datagrams(self) -> None:
        """A datagram is known from its own bytes: Teltonika's packet, Queclink's messages, a line without its end."""
        datagrams = [("teltonika", PACKET), ("generic", LINE)]
        datagrams += [message for message in captured() if message[0] == "queclink"]
        for vendor, data in datagrams:
            assert found([data], "udp") == vendor, data

    def test_simulated_devices(self) -> None:
        """What each vendor's simulated device sends first is the vendor's."""
        for vendor in INSTALLED.values():
            device = vendor.encoder("350000000000001", "tcp")
            if device is not None and device.hello():
                assert found([device.hello()]) == vendor.name

    def test_last_line_without_its_end(self) -> None:
        """A line whose connection ends before the line does is a report all the same, as on its own port."""
        sniffer = Sniffer(INSTALLED.values(), "tcp")
        sniffer.feed(LINE)
        assert (sniffer.vendor, sniffer.is_open) == (None, True)
        sniffer.finish()
        assert named(sniffer.vendor) == "generic"

    def test_pings_tell_nothing(self) -> None:
        """A connection of which only pings were seen waits for more."""
        sniffer = Sniffer(INSTALLED.values(), "tcp")
        sniffer.feed(b"\xff" * 3)
        assert (sniffer.vendor, sniffer.is_open) == (None, True)

    def test_bare_numbers_tell_nothing(self) -> None:
        """A line with a number alone is told by what follows it."""
        sniffer = Sniffer(INSTALLED.values(), "tcp")
        sniffer.feed(b"359587010124900\r\n")
        assert (sniffer.vendor, sniffer.is_open) == (None, True)

    def test_strangers(self) -> None:
        """What other programs and unknown devices send is nobody's, wherever it breaks off."""
        for data in STRANGERS:
            for transport in ("tcp", "udp"):
                assert found([data], transport) == "", data
                assert over_prefixes(data[:600], transport) <= {""}, data

    def test_frames_of_vendors_that_are_not_here(self) -> None:
        """A vendor's messages are nobody's where the vendor itself is taken away."""
        for vendor, data in self.messages():
            sniffer = Sniffer([other for name, other in INSTALLED.items() if name != vendor], "tcp")
            sniffer.feed(data)
            sniffer.finish()
            assert named(sniffer.vendor) == "", data
