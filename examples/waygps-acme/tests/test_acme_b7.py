"""The vendor of acme_b7.py keeps what a decoder promises, and its frames come to what the description says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from waygps.bits import crc16_x25
from waygps.conformance.loading import check_file, load
from waygps.fix import Message

FILE = Path(__file__).resolve().parents[1] / "src" / "protocols" / "acme_b7.py"
PLACE = "6b053cf8eb5fe41cdd33ad102d00b40903"


def decoded(kind: int, body: str) -> Message:
    """The one message of a frame; its checksum is made."""
    inner = bytes([kind]) + (len(body) // 2).to_bytes(2) + b"\0\7" + bytes.fromhex(body)
    decoder = load(FILE)[0].decoder("tcp", "350000000000017" if kind > 1 else "")
    (message,) = decoder.feed(b"\xaa\x55" + inner + crc16_x25(inner).to_bytes(2))
    return message


def test_conformance() -> None:
    """Nothing is to be mended: split, merged, mutated, with garbage around them, the samples come to what they say."""
    report = check_file(FILE)
    assert report.faults == [], report.text()


def test_login() -> None:
    """The device is told what time it is."""
    message = decoded(1, "0350000000000017")
    assert message.device == "350000000000017"
    assert message.timed_reply is not None
    assert message.timed_reply(datetime(2026, 11, 24, 7, 30, tzinfo=UTC))[7:11] == bytes.fromhex("6b053cf8")


def test_a_broken_element() -> None:
    """An element that cannot be read costs itself: the position and the other elements are there, with a warning."""
    message = decoded(2, PLACE + "0201c8" + "06020384")
    (fix,) = message.fixes
    assert (fix.lat, fix.battery_pct, fix.attributes) == (-34.603722, None, {"rpm": 900.0})
    assert message.warnings == ("battery_pct cannot be c8",)


def test_cut_short() -> None:
    """A position that lost its end is no fix, and says why; one that lost part of its elements stays."""
    assert decoded(2, PLACE[:-2]).unreadable == "a position of 16 bytes, expected at least 17"
    message = decoded(2, PLACE + "0201")
    assert len(message.fixes) == 1
    assert message.warnings == ("element 0x2 has 1 bytes, 0 are there",)
