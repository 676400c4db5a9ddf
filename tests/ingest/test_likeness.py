"""Whose bytes may these be?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from protocols.generic import generic
from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.fakes import LineDecoder, logged
from tests.ingest.test_foreign import LINE, LOGIN, REPORT, VENDORS
from tests.protocols.frames import frames
from waygps.ingest.likeness import AGREED, GUESSED, MOST, scores
from waygps.interfaces import Transport, Verdict
from waygps.vendor import Vendor

KINDS: tuple[Transport, ...] = ("tcp", "udp")


def until(size: int) -> Vendor:
    """A vendor that says no from so many bytes on."""

    def recognises(data: bytes, transport: Transport) -> Verdict:
        return Verdict.MORE if len(data) < size else Verdict.NO

    return Vendor(name=f"until{size}", title="", port=1, recognises=recognises)


def lines(data: bytes, recognises: Callable[[bytes, Transport], Verdict] | None = None) -> float:
    """The score of the made-up protocol of lines, which is only recognised by its decoder unless the test says how."""
    vendor = Vendor(name="lines", title="", port=1, decoder=lambda *_: LineDecoder(), recognises=recognises)
    return scores(data, [vendor], "tcp").get("lines", 0.0)


class LikenessTests(SynchronousTestCase):
    def test_recognised(self) -> None:
        """Who says yes has all of it."""
        for data, name in ((LOGIN, "teltonika"), (REPORT, "queclink"), (LINE, "generic")):
            found = scores(data, VENDORS, "tcp")
            assert next(iter(found.items())) == (name, 1.0)

    def test_share(self) -> None:
        """Who agreed with more of the bytes is likelier; who said no at once is not named; the likeliest comes first."""
        found = scores(b"x" * 100, [until(1), until(11), until(51), until(1000)], "tcp")
        assert found == {"until1000": AGREED, "until51": AGREED * 0.5, "until11": AGREED * 0.1}
        assert list(found) == ["until1000", "until51", "until11"]

    def test_decoded(self) -> None:
        """A decoder that made messages of most of the bytes before it gave up is likelier than one that only did not object."""
        assert lines(b"A 1\nB 2\n!x\n", lambda *_: Verdict.NO) == round(6 / 11, 3)
        assert lines(b"!x\n", lambda *_: Verdict.NO) == 0
        assert lines(b"!x\n") == round(GUESSED * 2 / 3, 3)

    def test_damaged_messages(self) -> None:
        """A captured message with a byte changed in its middle is still likeliest its vendor's."""
        right = total = 0
        for vendor in (teltonika, queclink):
            for frame in frames(vendor.name):
                data = bytearray(frame.data)
                data[len(data) // 2] ^= 0x55
                found = scores(bytes(data), VENDORS, frame.transport)
                total += 1
                right += next(iter(found), "") == vendor.name
        assert total > 100
        assert right / total > 0.8

    def test_nothing(self) -> None:
        """No bytes are nobody's, and a vendor that does not use the transport is not named."""
        assert scores(b"", VENDORS, "tcp") == {}
        assert scores(LINE, [Vendor(name="a", title="", port=1, transports=("http",))], "tcp") == {}

    def test_faulty_vendor(self) -> None:
        """A vendor with a bug is not named, and the others are."""

        def recognises(data: bytes, transport: Transport) -> Verdict:
            raise RuntimeError("a bug in the plugin")

        faulty = Vendor(name="faulty_likeness", title="", port=1, decoder=lambda *_: 1 // 0, recognises=recognises)  # type: ignore[arg-type]
        with logged():
            assert list(scores(LINE, [faulty, generic], "tcp")) == ["generic"]
        self.flushLoggedErrors(RuntimeError)

    def test_any_bytes(self) -> None:
        """Whatever comes, the scores are between 0 and 1, best first, and found in milliseconds."""
        chance = random.Random(1)
        for _ in range(200):
            data = chance.randbytes(chance.choice((1, 20, 300, MOST * 4)))
            for transport in KINDS:
                begun = time.perf_counter()
                found = scores(data, VENDORS, transport)
                assert time.perf_counter() - begun < 1
                assert all(0 < score <= 1 for score in found.values())
                assert list(found.values()) == sorted(found.values(), reverse=True)
