"""The one contract that every vendor's decoder passes; a vendor's test mixes it in and names its vendor and samples."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.ingest.sniff import by_decoder
from waygps.interfaces import IDecoder, IRecognises, IVendor, Transport, Verdict

Decoded = tuple[list[Message], str]

fuzz = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def run(decoder: IDecoder, pieces: list[bytes]) -> Decoded:
    """Feed the pieces and end; gives the messages and the reason of the DecodeError ("" for none)."""
    messages: list[Message] = []
    try:
        for piece in pieces:
            for message in decoder.feed(piece):
                messages.append(message)  # noqa: PERF402 - what comes before an error counts
            assert decoder.held <= decoder.max_buffer, f"{decoder.held} bytes held, {decoder.max_buffer} stated"
        messages.extend(decoder.end())
    except DecodeError as error:
        return messages, str(error) or "no reason given"
    return messages, ""


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """Cut the bytes at these places (taken modulo the length)."""
    places = sorted({place % (len(data) + 1) for place in at})
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]


class DecoderContract:
    """Mixed into a TestCase that sets ``vendor`` and ``samples`` (each the bytes of one whole connection) and ``device``."""

    vendor: IVendor
    samples: list[bytes]
    device = "123456789012345"

    def fresh(self) -> IDecoder:
        return self.vendor.decoder("tcp", self.device)

    def test_provides_the_interfaces(self) -> None:
        """A vendor file that forgets a method or an attribute is told so here, not by a device."""
        verifyObject(IVendor, self.vendor)
        verifyObject(IDecoder, self.fresh())

    def test_byte_by_byte(self) -> None:
        """A device on a network that splits everything is understood as one that sends whole messages."""
        for sample in self.samples:
            whole = run(self.fresh(), [sample])
            single = run(self.fresh(), [bytes([byte]) for byte in sample])
            assert single == whole, (sample, single, whole)

    def test_everything_in_one_piece(self) -> None:
        """Messages that the network merges into one segment are all found, in order."""
        good = [sample for sample in self.samples if not run(self.fresh(), [sample])[1]]
        apart = [message for sample in good for message in run(self.fresh(), [sample])[0]]
        merged, reason = run(self.fresh(), [b"".join(good)])
        assert reason == ""
        assert [message.fixes for message in merged] == [message.fixes for message in apart]

    def verdict(self, data: bytes, transport: Transport = "tcp") -> Verdict:
        own = IRecognises(self.vendor, None)
        return own.recognises(data, transport) if own else by_decoder(self.vendor, data, transport)

    def test_recognition_is_final(self) -> None:
        """Whose a connection is does not change with what else it sends, so that the first yes can be believed."""
        for sample in self.samples:
            verdicts = [self.verdict(sample[:size]) for size in range(min(len(sample), 400) + 1)]
            decided = [verdict for verdict in verdicts if verdict is not Verdict.MORE]
            assert verdicts == [Verdict.MORE] * (len(verdicts) - len(decided)) + decided[:1] * len(decided), sample

    @fuzz
    @given(st.binary(max_size=400), st.sampled_from(["tcp", "udp"]), st.data())
    def test_recognition_never_raises(self, noise: bytes, transport: Transport, data: Any) -> None:
        """Whatever a stranger sends to a receiver of all vendors, this one has an answer."""
        sample = data.draw(st.sampled_from([b"", *self.samples]))
        size = data.draw(st.integers(0, len(sample)))
        assert isinstance(self.verdict(sample[:size] + noise, transport), Verdict)

    @fuzz
    @given(st.data())
    def test_random_pieces(self, data: Any) -> None:
        """However the bytes are cut, the same messages come out."""
        sample = data.draw(st.sampled_from(self.samples))
        pieces = cut(sample, data.draw(st.lists(st.integers(0, 5000), max_size=12)))
        assert run(self.fresh(), pieces) == run(self.fresh(), [sample])

    @fuzz
    @given(st.lists(st.binary(max_size=400), max_size=8))
    def test_random_bytes(self, pieces: list[bytes]) -> None:
        """Noise on the port is refused or ignored; it breaks nothing and fills no memory."""
        once = run(self.fresh(), pieces)
        assert once == run(self.fresh(), [b"".join(pieces)])

    @fuzz
    @given(st.data())
    def test_mutated_frames(self, data: Any) -> None:
        """A real frame with bytes flipped, lost or doubled raises nothing but DecodeError, however it is cut."""
        frame = bytearray(data.draw(st.sampled_from(self.samples)))
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, max(0, len(frame) - 1)))
            frame[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        pieces = cut(bytes(frame), data.draw(st.lists(st.integers(0, 5000), max_size=6)))
        assert run(self.fresh(), pieces) == run(self.fresh(), [bytes(frame)])

    def test_endless_input(self) -> None:
        """A peer that never ends a message is cut off or bounded, and never fills the memory."""
        for sample in self.samples:
            half = sample[: max(1, len(sample) // 2)]
            run(self.fresh(), [half] + [sample[:1024] or b"\0"] * 200)
            run(self.fresh(), [half] + [b"\x41" * 4096] * 40)
