"""The vendor of acme.py keeps what a decoder promises, and its lines come to what the description says."""

from __future__ import annotations

from pathlib import Path

from waygps.bits import xor8
from waygps.conformance.loading import check_file, load
from waygps.fix import Message

FILE = Path(__file__).resolve().parents[1] / "src" / "protocols" / "acme.py"


def decoded(text: str) -> Message:
    """The one message of a line; its checksum is made."""
    decoder = load(FILE)[0].decoder("tcp", "")
    (message,) = decoder.feed(f"!{text}*{xor8(text.encode()):02X}\r\n".encode())
    return message


def test_conformance() -> None:
    """Nothing is to be mended: split, merged, mutated, with garbage around them, the samples come to what they say."""
    report = check_file(FILE)
    assert report.faults == [], report.text()


def test_a_broken_field() -> None:
    """A speed that is none costs the speed: the position is there, with a warning."""
    message = decoded("P,350000000000017,241126,073000,A,3436.2233,S,05822.8955,W,fast,180,9,87,0")
    (fix,) = message.fixes
    assert (round(fix.lat, 6), fix.speed_kmh, fix.course_deg) == (-34.603722, None, 180)
    assert message.warnings == ("speed_kmh cannot be 'fast'",)


def test_a_position_that_cannot_be_read() -> None:
    """A report without a latitude is no fix; it says why, and is answered, since the device would repeat it for ever."""
    message = decoded("P,350000000000017,241126,073000,A,3460.0000,S,05822.8955,W,24.3,180,9,87,0")
    assert (message.fixes, message.unreadable, message.reply) == ((), "lat cannot be '3460.0000'", b"!P*OK\r\n")
