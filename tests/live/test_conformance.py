"""The Autobahn test suite's cases against the running server, over a raw socket.

The suite itself (autobahntestsuite 25.10.1) is Python 2 and needs a server that echoes. So its cases are written here anew, with
their numbers; in place of the echo, the answer to ``options`` shows that a message came through whole.
"""

from __future__ import annotations

import json
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from tests.system.server import ServerCase

OPTIONS = b'{"type": "options"}'
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
ANSWER = "options"
END = ("end", None)
"""The connection ends without a close: the answer to a close that is malformed itself."""
Expected = list[Any]


def frame(opcode: int, payload: bytes = b"", fin: bool = True, rsv: int = 0, is_masked: bool = True) -> bytes:
    """A client's frame."""
    size = len(payload)
    long = b"" if size <= 125 else struct.pack(">H", size) if size <= 0xFFFF else struct.pack(">Q", size)
    length = size if size <= 125 else 126 if size <= 0xFFFF else 127
    head = bytes((fin << 7 | rsv << 4 | opcode, is_masked << 7 | length)) + long
    if not is_masked:
        return head + payload
    mask = b"\x11\x22\x33\x44"
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def closing(code: int, reason: bytes = b"") -> bytes:
    """A client's close."""
    return frame(CLOSE, struct.pack(">H", code) + reason)


def fragments(parts: Iterable[bytes], opcode: int = TEXT, between: bytes = b"", rsv: int = 0) -> bytes:
    """A message in these parts, with a frame between each two."""
    sent = list(parts)
    return between.join(
        frame(CONTINUATION if at else opcode, part, at == len(sent) - 1, 0 if at else rsv) for at, part in enumerate(sent)
    )


def deflated(payload: bytes) -> bytes:
    """A compressed message."""
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compress.compress(payload) + compress.flush(zlib.Z_SYNC_FLUSH))[:-4]


def padded(size: int) -> bytes:
    """An options message of this size."""
    return OPTIONS + b" " * (size - len(OPTIONS))


class Peer:
    """One connection, after its initial_state."""

    def __init__(self, port: int, token: str, headers: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._data = b""
        self.head = self._ask(port, token, headers)

    def _ask(self, port: int, token: str, headers: str) -> str:
        self.socket.sendall(
            f"GET /ws/gps/?token={token} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
        )
        while b"\r\n\r\n" not in self._data:
            self._receive()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        return head.decode()

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self._data += data

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            self._receive()
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def frame(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload; EOFError at the end."""
        first, length = self._take(2)
        assert not length & 0x80, "a server does not mask"
        if length == 126:
            length = int.from_bytes(self._take(2))
        elif length == 127:
            length = int.from_bytes(self._take(8))
        payload = self._take(length)
        return first & 15, zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff") if first & 0x40 else payload

    def said(self) -> Iterator[Any]:
        """What the server says, until it closes: the type of a message, ("pong", payload) or ("close", code)."""
        while True:
            try:
                opcode, payload = self.frame()
            except (EOFError, ConnectionResetError):
                return
            if opcode == TEXT:
                yield json.loads(payload)["type"]
            elif opcode == PONG:
                yield "pong", payload
            elif opcode == CLOSE:
                yield "close", int.from_bytes(payload[:2]) if payload else None


class ConformanceTests(ServerCase):
    settings = {"LIVE_CONNECTIONS_USER": "0", "LIVE_MESSAGES_PER_SECOND": "100000"}
    token = ""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.token = cls.server.token()

    def peer(self, headers: str = "") -> Peer:
        peer = Peer(self.server.web_port, self.token, headers)
        self.addCleanup(peer.socket.close)
        assert " 101 " in peer.head, peer.head
        assert json.loads(peer.frame()[1])["type"] == "initial_state"
        return peer

    def check(self, case: str, data: bytes, expected: Expected, headers: str = "", octets: bool = False) -> None:
        """Send this, then a close; what the server says is what is expected, then the end of the connection."""
        peer = self.peer(headers)
        fails = any(each[0] in ("close", "end") for each in expected)
        sent = data if fails else data + closing(1000)
        for at in range(0, len(sent), 1 if octets else len(sent)):
            peer.socket.sendall(sent[at : at + 1] if octets else sent)
        said = []
        for each in peer.said():
            said.append(each)
            if each[0] == "close" and fails:
                peer.socket.sendall(closing(each[1] or 1000))
        expected = [each for each in expected if each != END] if fails else [*expected, ("close", 1000)]
        assert said == expected, (case, said)
        peer.socket.close()

    def test_1_framing(self) -> None:
        """1.1.1-1.2.8: messages of every length come through, text and binary, in one piece and octet by octet."""
        for opcode in (TEXT, BINARY):
            for size in (len(OPTIONS), 125, 126, 127, 128, 65_535, 65_536):
                self.check(f"1 {opcode} {size}", frame(opcode, padded(size)), [ANSWER])
            self.check("1.1.1", frame(opcode), ["error"])
        self.check("1.1.8", frame(TEXT, padded(500)), [ANSWER], octets=True)

    def test_2_pings(self) -> None:
        """2.1-2.11: each ping is answered with its payload; a pong that nobody asked for is ignored; too long a ping fails."""
        for case, payload in (("2.1", b""), ("2.2", b"Hello, world!"), ("2.3", b"\x00\xff\xfe\xfd"), ("2.4", b"\xfe" * 125)):
            self.check(case, frame(PING, payload), [("pong", payload)])
        self.check("2.5", frame(PING, b"\xfe" * 126), [("close", 1002)])
        self.check("2.6", frame(PING, b"\xfe" * 125), [("pong", b"\xfe" * 125)], octets=True)
        self.check("2.7", frame(PONG), [])
        self.check("2.8", frame(PONG, b"unsolicited"), [])
        self.check("2.9", frame(PONG, b"unsolicited") + frame(PING, b"x"), [("pong", b"x")])
        many = [b"payload-%d" % number for number in range(10)]
        self.check("2.10", b"".join(frame(PING, each) for each in many), [("pong", each) for each in many])
        self.check("2.11", b"".join(frame(PING, each) for each in many), [("pong", each) for each in many], octets=True)

    def test_3_reserved_bits(self) -> None:
        """3.1-3.7: a bit that nobody agreed on fails the connection with 1002; what came before it is answered."""
        for rsv in range(1, 8):
            self.check(f"3 {rsv}", frame(TEXT, OPTIONS) + frame(TEXT, OPTIONS, rsv=rsv), [ANSWER, ("close", 1002)])
        self.check("3.6", frame(PING, rsv=4), [("close", 1002)])
        self.check("3.7", frame(CLOSE, rsv=4), [END])

    def test_4_reserved_opcodes(self) -> None:
        """4.1.1-4.2.5: an opcode that is reserved fails the connection with 1002, with a payload and without."""
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            for payload in (b"", b"reserved"):
                self.check(f"4 {opcode}", frame(TEXT, OPTIONS) + frame(opcode, payload), [ANSWER, ("close", 1002)])

    def test_5_fragments(self) -> None:
        """5.1-5.20: a message in parts comes through, with pings between; parts of control frames, or out of place, fail."""
        halves = OPTIONS[:7], OPTIONS[7:]
        for opcode in (PING, PONG):
            self.check("5.1", frame(opcode, b"part", fin=False) + frame(CONTINUATION, b"rest"), [("close", 1002)])
        for octets in (False, True):
            self.check("5.3", fragments(halves), [ANSWER], octets=octets)
            self.check("5.6", fragments(halves, between=frame(PING, b"x")), [("pong", b"x"), ANSWER], octets=octets)
        self.check("5.8", fragments([bytes((each,)) for each in OPTIONS]), [ANSWER])
        for fin in (True, False):
            self.check("5.9", frame(CONTINUATION, OPTIONS, fin) + frame(TEXT, OPTIONS), [("close", 1002)])
        self.check("5.15", fragments(halves) + frame(CONTINUATION, b"x", False), [ANSWER, ("close", 1002)])
        self.check("5.18", frame(TEXT, b"x", False) + frame(TEXT, b"y"), [("close", 1002)])
        parts = [OPTIONS[at : at + 4] for at in range(0, len(OPTIONS), 4)]
        pongs = [("pong", b"p")] * (len(parts) - 1)
        self.check("5.19", fragments(parts, between=frame(PING, b"p")), [*pongs, ANSWER])
        self.check("5.x", fragments([b"", OPTIONS, b""]), [ANSWER])

    def test_6_utf8(self) -> None:
        """6.1-6.23: text is UTF-8, wherever it is cut into parts; anything else fails with 1007, before the message ends."""
        text = '{"type": "options", "x": "κόσμε \U00010000 \ufffd \U0010ffff"}'.encode()
        self.check("6.2.1", frame(TEXT, text), [ANSWER])
        self.check("6.2.4", fragments(bytes((each,)) for each in text), [ANSWER])
        for case, bad in {
            "6.3.1": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
            "6.6.1": b"\xce",
            "6.8.1": b"\xf8\x88\x80\x80\x80",
            "6.11.5": b"\xf4\x90\x80\x80",
            "6.14.1": b"\x80",
            "6.16.1": b"\xfe",
            "6.18.1": b"\xc0\xaf",
            "6.19.1": b"\xe0\x80\xaf",
            "6.21.1": b"\xed\xa0\x80",
            "6.21.8": b"\xed\xb0\x80",
        }.items():
            self.check(case, frame(TEXT, bad), [("close", 1007)])
        self.check("6.4.1", frame(TEXT, b"\xce\xba\xf4\x90\x80\x80", fin=False), [("close", 1007)])

    def test_7_closing(self) -> None:
        """7.1.1-7.13.2: a close is answered with its code; one that is malformed ends the connection at once."""
        self.check("7.1.1", frame(TEXT, OPTIONS), [ANSWER])
        self.check("7.1.3", closing(1000) + closing(1000), [("close", 1000)])
        self.check("7.1.4", closing(1000) + frame(TEXT, OPTIONS) + frame(PING), [("close", 1000)])
        self.check("7.1.5", frame(TEXT, OPTIONS[:5], fin=False) + closing(1000), [("close", 1000)])
        self.check("7.3.1", frame(CLOSE), [("close", 1000)])
        self.check("7.3.2", frame(CLOSE, b"a"), [END])
        self.check("7.3.4", closing(1000, b"Hello World!"), [("close", 1000)])
        self.check("7.3.5", closing(1000, b"*" * 123), [("close", 1000)])
        self.check("7.3.6", closing(1000, b"*" * 124), [END])
        self.check("7.5.1", closing(1000, b"\xed\xa0\x80"), [END])
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
            self.check(f"7.7 {code}", closing(code), [("close", 1000)])
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535):
            self.check(f"7.9 {code}", closing(code), [END])

    def test_9_limits(self) -> None:
        """9.1-9.8: a message of more than live.message_size fails with 1009, in one piece and in parts, however it is sent."""
        self.check("9.1", frame(TEXT, padded(65_537)), [("close", 1009)])
        self.check("9.2", frame(BINARY, padded(65_537)), [("close", 1009)])
        self.check("9.3", fragments([padded(40_000), b" " * 40_000]), [("close", 1009)])
        self.check("9.3", fragments([OPTIONS, *[b" " * 64] * 200]), [ANSWER])

    def test_10_mask(self) -> None:
        """A client's frame without a mask fails with 1002."""
        self.check("mask", frame(TEXT, OPTIONS, is_masked=False), [("close", 1002)])

    def test_12_compression(self) -> None:
        """12-13: compressed messages come through in every form that the two can agree on, in one piece and in parts."""
        for offer in (
            "permessage-deflate",
            "permessage-deflate; client_no_context_takeover; client_max_window_bits",
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=15, permessage-deflate",
        ):
            headers = f"Sec-WebSocket-Extensions: {offer}\r\n"
            data = deflated(padded(2000))
            self.check(offer, frame(TEXT, data, rsv=4), [ANSWER], headers)
            self.check(offer, frame(TEXT, OPTIONS), [ANSWER], headers)
            self.check(offer, fragments([data[:9], data[9:]], rsv=4, between=frame(PING)), [("pong", b""), ANSWER], headers)
        headers = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        self.check("garbage", frame(TEXT, b"\xff" * 50, rsv=4), [("close", 1007)], headers)
        self.check("bomb", frame(TEXT, deflated(padded(10_000_000)), rsv=4), [("close", 1009)], headers)
        self.check("utf8", frame(TEXT, deflated(b"\xed\xa0\x80"), rsv=4), [("close", 1007)], headers)
        self.check("rsv", frame(PING, rsv=4), [("close", 1002)], headers)

    def test_served_after_all(self) -> None:
        """After all that the server is healthy, and nothing is left of those connections."""
        assert self.server.is_healthy()
        log = self.server.log()
        assert "Traceback" not in log
        assert "failed and is dropped" not in log
