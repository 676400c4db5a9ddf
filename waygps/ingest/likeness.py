"""Whose bytes may these be, when nobody recognises them? Pure, and bounded: only the first ``MOST`` bytes are looked at."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from waygps.errors import DecodeError
from waygps.ingest.sniff import is_guess, messages_of, verdict
from waygps.interfaces import IVendor, Transport, Verdict

MOST = 2048
"""Bytes; each vendor is asked at most a dozen times about as many."""
AGREED, GUESSED = 0.5, 0.25
"""What a vendor scores that has said NO to none of the bytes: one that knows its bytes, and one whose decoder stands for it."""


def scores(data: bytes, vendors: Iterable[IVendor], transport: Transport) -> dict[str, float]:
    """The vendors that ``data`` may be of by their names, likeliest first, each with a score of 0 < score <= 1.

    1 where the vendor says YES. Else the greater of two: the share of the bytes that its decoder made messages of, with a device,
    before it gave up; and AGREED, or GUESSED where only a decoder guesses, times the share of the bytes up to which it did not
    say NO.
    """
    head = data[:MOST]
    found = {vendor.name: _score(head, vendor, transport) for vendor in vendors if head and transport in vendor.transports}
    ranked = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    return {name: score for name, score in ranked if score > 0}


def _score(data: bytes, vendor: IVendor, transport: Transport) -> float:
    if verdict(vendor, data, transport) is Verdict.YES:
        return 1.0
    weight = GUESSED if is_guess(vendor) else AGREED
    return round(max(_decoded(data, vendor, transport), weight * _agreed(data, vendor, transport)), 3)


def _decoded(data: bytes, vendor: IVendor, transport: Transport) -> float:
    taken = 0
    try:
        for message in messages_of(vendor, data, transport, whole=True):
            taken += len(message.raw) if message.device else 0
    except DecodeError:
        pass  # what came before counts
    except Exception:  # a fault of the decoder, which is told when it decodes for a device
        return 0.0
    return min(1.0, taken / len(data))


def _agreed(data: bytes, vendor: IVendor, transport: Transport) -> float:
    """The share up to which it did not say NO, which is final, so that halving finds it. A datagram is judged as a whole."""
    if transport == "udp":
        return float(verdict(vendor, data, transport) is not Verdict.NO)
    lengths = range(1, len(data) + 1)
    refused = bisect_left(lengths, True, key=lambda length: verdict(vendor, data[:length], transport) is Verdict.NO)
    return refused / len(data)
