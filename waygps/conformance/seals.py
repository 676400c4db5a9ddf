"""Finds the checksum of a frame by trying, so that mutated messages can be given a right one and get past it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import product

from msgspec import Struct

from waygps import bits

SUMS: tuple[tuple[Callable[[bytes], int], int], ...] = (
    (bits.crc16_arc, 2),
    (bits.crc16_ccitt_false, 2),
    (bits.crc16_x25, 2),
    (bits.crc16_kermit, 2),
    (bits.crc16_modbus, 2),
    (bits.crc8_nrsc5, 1),
    (bits.xor8, 1),
    (bits.sum8, 1),
)
"""What devices use, with the bytes that it has."""
HEAD, TAIL = 12, 8
"""Bytes at the begin of a frame, and behind its checksum, that it may leave out."""


def _binary(width: int, order: str, value: int) -> bytes:
    return value.to_bytes(width, "big" if order == "big" else "little")


def _hex(width: int, form: str, value: int) -> bytes:
    return format(value, f"0{2 * width}{form}").encode()


class Seal(Struct, frozen=True):
    """Where a frame has its checksum, of which of its bytes, and how it is written."""

    checksum: Callable[[bytes], int]
    write: Callable[[int], bytes]
    start: int
    """The first byte that it covers."""
    gap: int
    """Bytes between what it covers and the checksum: an asterisk."""
    tail: int
    """Bytes behind it."""

    def put(self, frame: bytes) -> bytes:
        """The frame with the checksum that it should have; a frame that is too short as it is."""
        place = len(frame) - self.tail - len(self.write(0))
        if place - self.gap < self.start:
            return frame
        value = self.write(self.checksum(frame[self.start : place - self.gap]))
        return frame[:place] + value + frame[place + len(value) :]


@lru_cache(4096)
def find(frame: bytes, others: tuple[bytes, ...] = ()) -> Seal | None:
    """The checksum of a frame that is right; None where there is none of the known kinds.

    A sum of one byte fits many a place by chance: of several the one counts that fits most of the ``others`` too.
    """
    possible = [seal for seal in _possible(min(HEAD, len(frame)), min(TAIL, len(frame))) if _fits(seal, frame)]
    return max(possible, key=lambda seal: sum(_fits(seal, other) for other in others), default=None)


def _fits(seal: Seal, frame: bytes) -> bool:
    # Any other change has to break it: some sums of short frames are right by chance.
    place = len(frame) - seal.tail - len(seal.write(0)) - seal.gap
    if place - seal.start < 4 or seal.put(frame) != frame:
        return False
    other = frame[: seal.start] + bytes([frame[seal.start] ^ 0x55]) + frame[seal.start + 1 :]
    return seal.put(other) != other


def _possible(head: int, tail: int) -> Iterator[Seal]:
    """All there are, the least likely to fit by chance first."""
    for width, writers in _WRITERS:
        for checksum in (one for one, size in SUMS if size == width):
            for write, gap, start, end in product(writers, (0, 1), range(head + 1), range(tail + 1)):
                yield Seal(checksum, write, start, gap, end)


_WRITERS = (
    (2, [partial(_hex, 2, "X"), partial(_hex, 2, "x")]),
    (1, [partial(_hex, 1, "X"), partial(_hex, 1, "x")]),
    (2, [partial(_binary, 2, "big"), partial(_binary, 2, "little")]),
    (1, [partial(_binary, 1, "big")]),
)
