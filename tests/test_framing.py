"""What most decoders are: bytes cut into frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.protocols.contract import cut, run
from waygps.errors import DecodeError
from waygps.fix import Fix, Message, Vitals
from waygps.framing import MAX_GARBAGE, FrameDecoder
from waygps.interfaces import IDecoder

FIX = Fix(time=None, lat=1.0, lon=2.0)


class Lines(FrameDecoder):
    """``$text#``, answered with its text; what comes before the $ is skipped."""

    max_buffer = 20

    def size(self, buffer: bytearray) -> int:
        if buffer[0] != ord("$"):
            at = buffer.find(b"$")
            return -(at if at >= 0 else len(buffer))
        return self.until(b"#")

    def messages(self, frame: bytes) -> Iterable[Message]:
        text = frame[1:-1] if frame.endswith(b"#") else frame[1:]
        if text == b"bad":
            raise DecodeError("bad", frame)
        return [Message(device=text.decode("latin-1"), fixes=(FIX,) if text else (), reply=text)]


class Strict(Lines):
    """The same, without a second chance, and whole without its #."""

    ends_whole = True
    resyncs = False


class Counted(FrameDecoder):
    """A length byte, itself not counted, and so many bytes; a length of 0xFF cannot be."""

    max_buffer = 11

    def size(self, buffer: bytearray) -> int:
        if buffer[0] == 0xFF:
            raise DecodeError("impossible", bytes(buffer))
        return buffer[0] + 1

    def messages(self, frame: bytes) -> Iterable[Message]:
        return [Message(device="", reply=frame)]


class Ends(FrameDecoder):
    """Lines that end in any of two ways."""

    max_buffer = 50
    ends: tuple[bytes, ...] = (b"\r\n", b"\n")

    def size(self, buffer: bytearray) -> int:
        return self.until(*self.ends)

    def messages(self, frame: bytes) -> Iterable[Message]:
        return [Message(device="", reply=frame)]


def replies(decoder: IDecoder, *pieces: bytes) -> list[bytes]:
    """The replies to what is fed; no DecodeError."""
    messages, reason = run(decoder, list(pieces))
    assert reason == ""
    return [message.reply for message in messages]


def single(data: bytes) -> list[bytes]:
    """Byte by byte."""
    return [bytes([byte]) for byte in data]


class CuttingTests(SynchronousTestCase):
    def test_is_a_decoder(self) -> None:
        """What a vendor derives from it is what the server asks for."""
        verifyObject(IDecoder, Lines())
        assert Lines("udp").transport == "udp"

    def test_frames(self) -> None:
        """Messages are found in order, however they arrive."""
        for pieces in ([b"$a#$b#$c#"], single(b"$a#$b#$c#"), [b"$a#$", b"b#$c", b"#"]):
            assert replies(Lines(), *pieces) == [b"a", b"b", b"c"]

    def test_counted(self) -> None:
        """So are those that say how long they are, the longest that is allowed included."""
        data = b"\x02ab\x00\x0a0123456789"
        for pieces in ([data], single(data)):
            assert replies(Counted(), *pieces) == [b"\x02ab", b"\x00", b"\x0a0123456789"]

    def test_asked_again_when_enough_is_there(self) -> None:
        """A decoder that knows how long its frame is is not asked at every byte."""
        asked: list[int] = []

        class Asked(Counted):
            def size(self, buffer: bytearray) -> int:
                asked.append(len(buffer))
                return super().size(buffer)

        assert replies(Asked(), *single(b"\x05hello\x01x")) == [b"\x05hello", b"\x01x"]
        assert asked == [1, 6, 1, 2]

    def test_raw_is_the_frame(self) -> None:
        """The trace of a message has its bytes, and not those of its neighbours."""
        messages, _ = run(Lines(), [b"$a#$b#"])
        assert [message.raw for message in messages] == [b"$a#", b"$b#"]

    def test_what_came_before_the_error(self) -> None:
        """A message before faulty bytes counts; the error names the bytes."""
        decoder = Lines()
        found: list[Message] = []
        with self.assertRaises(DecodeError) as caught:
            found.extend(decoder.feed(b"$a#"))
            found.extend(decoder.feed(b"$bad#$c#"))
        assert [message.reply for message in found] == [b"a"]
        assert caught.exception.data == b"$bad#"

    def test_size_raises(self) -> None:
        """Bytes after which nothing can be trusted end the connection."""
        assert run(Counted(), [b"\x01a\xff\x01b"])[1] == "impossible"

    def test_no_bytes(self) -> None:
        """A vendor whose frame has no bytes is told so, instead of a server that hangs."""

        class Empty(Counted):
            def size(self, buffer: bytearray) -> int:
                return 0

        assert "a frame of no bytes" in run(Empty(), [b"abc"])[1]

    @given(
        st.lists(st.sampled_from([b"$", b"#", b"a", b"bad", b"$ab#", b"\r\n", b"x" * 19, b"$" + b"y" * 25]), max_size=12),
        st.lists(st.integers(0, 300)),
    )
    def test_any_split(self, parts: list[bytes], at: list[int]) -> None:
        """Whatever the network makes of it, the same comes out: messages, warnings and errors."""
        data = b"".join(parts)
        for decoder in (Lines, Strict):
            whole = run(decoder(), [data])
            assert run(decoder(), cut(data, at)) == whole
            assert run(decoder(), single(data)) == whole


class BoundTests(SynchronousTestCase):
    def test_longest(self) -> None:
        """A frame of just the stated length is read."""
        text = b"x" * 18
        for pieces in ([b"$" + text + b"#"], single(b"$" + text + b"#")):
            assert replies(Lines(), *pieces) == [text]

    def test_too_long_is_skipped(self) -> None:
        """A longer one is passed over with a warning on the next, whether its end is there already or not."""
        data = b"$" + b"x" * 19 + b"#$a#"
        for pieces in ([data], single(data)):
            messages, reason = run(Lines(), pieces)
            assert ([message.reply for message in messages], reason) == ([b"a"], "")
            assert messages[0].warnings == ("21 bytes that are no message",)

    def test_too_long_ends_the_connection(self) -> None:
        """Where a vendor does not find its way back, the connection ends, with the same reason however it was split."""
        data = b"$a#$" + b"x" * 50 + b"#"
        outcomes = [run(Strict(), pieces) for pieces in ([data], single(data))]
        assert outcomes[0] == outcomes[1]
        assert outcomes[0][1] == "a frame of more than 20 bytes"
        assert len(outcomes[0][0]) == 1

    def test_announced_too_long(self) -> None:
        """A length that cannot be is no reason to wait for so many bytes."""
        decoder = Counted()
        assert [message.reply for message in decoder.feed(b"\x50\x01a\x01b")] == [b"\x01a", b"\x01b"]
        assert decoder.held == 0

    def test_held(self) -> None:
        """What is held back never exceeds the stated maximum, and is counted."""
        decoder = Lines()
        for byte in single(b"$" + b"x" * 100):
            list(decoder.feed(byte))
            assert decoder.held <= decoder.max_buffer
        decoder = Lines()
        list(decoder.feed(b"$abc"))
        assert decoder.held == 4

    def test_garbage(self) -> None:
        """A peer that never sends a message is given up; ends of lines and zeros are no garbage."""
        assert "without a message" in run(Lines(), [b"x" * 1000] * (MAX_GARBAGE // 1000 + 1))[1]
        assert run(Lines(), [b"\r\n\0" * 1000] * 50) == ([], "")
        assert run(Lines(), [b"x" * 60000, b"$a#", b"x" * 60000])[1] == ""

    def test_endless_frame_in_one_piece(self) -> None:
        """A line of 64 KiB in one piece costs a look at each byte, not a search of it all at each."""

        class Searched(bytearray):
            looked = 0

            def find(self, *arguments: Any) -> int:
                at = super().find(*arguments)
                Searched.looked += (len(self) if at < 0 else at) - arguments[1]
                return at

        decoder = Ends()
        decoder._buffer = Searched()
        list(decoder.feed(b"x" * 60_000 + b"\n"))
        assert Searched.looked < 1_000_000


class DelimiterTests(SynchronousTestCase):
    def test_two_ends(self) -> None:
        """Lines may end in \\r\\n or \\n; the ends belong to them."""
        data = b"a\r\nb\nc\r\n"
        for pieces in ([data], single(data)):
            assert replies(Ends(), *pieces) == [b"a\r\n", b"b\n", b"c\r\n"]

    def test_one_begins_the_other(self) -> None:
        """Of \\r and \\r\\n the first that can be there counts, so that a split between them changes nothing."""

        class Returns(Ends):
            ends = (b"\r\n", b"\r")

        data = b"a\r\nb\rc\r"
        for pieces in ([data], single(data), [b"a\r", b"\nb\r", b"c\r"]):
            assert replies(Returns(), *pieces) == [b"a\r", b"\nb\r", b"c\r"]

    def test_split_delimiter(self) -> None:
        """A delimiter that arrives in two parts is found."""

        class Long(Ends):
            ends = (b"END",)

        for at in range(10):
            data = b"abENDcdEND"
            assert replies(Long(), data[:at], data[at:]) == [b"abEND", b"cdEND"]

    def test_start(self) -> None:
        """A delimiter within what is passed over is none; a frame that begins later is searched from its own begin."""

        class Started(Ends):
            max_buffer = 8

            def size(self, buffer: bytearray) -> int:
                return self.until(b"#", start=3 if buffer.startswith(b"$") else 0)

        for data, expected in ((b"$##a#b#", [b"$##a#", b"b#"]), (b"$1#456789#", [b"1#", b"456789#"])):
            for pieces in ([data], single(data)):
                assert replies(Started(), *pieces) == expected, pieces


class EndTests(SynchronousTestCase):
    def test_last_frame(self) -> None:
        """A datagram without its delimiter is a message where the vendor says so, and nothing otherwise."""
        assert replies(Strict("udp"), b"$a#$b") == [b"a", b"b"]
        decoder = Lines()
        assert replies(decoder, b"$a#$b") == [b"a"]
        assert decoder.held == 0


class DeviceTests(SynchronousTestCase):
    def test_known_device(self) -> None:
        """A message that does not name its device is of the one the connection is known to be."""
        messages, _ = run(Lines("tcp", "77"), [b"$#"])
        assert [message.device for message in messages] == ["77"]

        class Named(Counted):
            def messages(self, frame: bytes) -> Iterable[Message]:
                return [Message(device="9" if frame == b"\x01L" else "", fixes=() if frame == b"\x01L" else (FIX,))]

        messages, _ = run(Named(), [b"\x01L\x01a"])
        assert [(message.device, message.fixes) for message in messages] == [("9", ()), ("9", (FIX,))]

    def test_report_before_login(self) -> None:
        """A report of nobody is not stored and not answered, a readable one or not; a heartbeat of nobody is answered."""

        class Nameless(Counted):
            def messages(self, frame: bytes) -> Iterable[Message]:
                kinds = {
                    1: Message(device="", fixes=(FIX,)),
                    2: Message(device="", unreadable="no time"),
                    3: Message(device="", vitals=Vitals(gsm=1)),
                }
                return [kinds[frame[1]]]

        for kind in (b"\x01\x01", b"\x01\x02"):
            messages, reason = run(Nameless(), [kind])
            assert (messages, reason) == ([], "a report before the device said which one it is")
        assert run(Nameless(), [b"\x01\x03"])[1] == ""

    def test_garbage_is_told_once(self) -> None:
        """The message after garbage says how much there was, the next one nothing."""
        messages, _ = run(Lines(), [b"xyz\r\n$a#$b#"])
        assert [message.warnings for message in messages] == [("3 bytes that are no message",), ()]
