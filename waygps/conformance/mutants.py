"""Messages changed as networks, firmware and strangers change them; the same seed gives the same ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[bytearray, Random, Sequence[bytes]], None]

_NUMBERS = re.compile(rb"-?\d+(?:\.\d+)?")
_TEXTS = (
    b"",
    b"0",
    b"-1",
    b"9" * 25,
    b"nan",
    b"inf",
    b"1e308",
    b"-0.0",
    b"1_0",
    b"99.999999",
    b"00000000",
    b"\xef\xbc\x91",
    b"F" * 16,
)
_WORDS = (
    bytes(8),
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    b"\x80" + bytes(7),
    b"\x01" + bytes(7),
    b"\0\0\0\x01",
    b"\xff\xff\xff\xfe",
)
_DELIMITERS = (b",", b";", b":", b"*", b"#", b"$", b"\r\n", b"\0", b"&", b"=", b"|", b"~", b"\x7d\x02", b"xx", b"{", b'"')


def _flip(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    data[random.randrange(len(data))] = random.randrange(256)


def _word(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    """A number of 1, 2, 4 or 8 bytes to its extremes."""
    at, word = random.randrange(len(data)), random.choice(_WORDS)[: random.choice((1, 2, 4, 8))]
    data[at : at + len(word)] = word[: len(data) - at]


def _text(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    """A number in digits to its extremes."""
    found = list(_NUMBERS.finditer(data))
    if found:
        match = random.choice(found)
        data[match.start() : match.end()] = random.choice(_TEXTS)


def _insert(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice((random.choice(_DELIMITERS), random.randbytes(random.randrange(1, 9))))


def _delete(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    at = random.randrange(len(data))
    del data[at : at + random.choice((1, 1, 2, 4, 16))]


def _duplicate(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    at = random.randrange(len(data))
    part = data[at : at + random.randrange(1, 32)]
    data[at:at] = part * random.choice((1, 1, 2, 8))


def _truncate(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    del data[random.randrange(len(data)) :]


def _splice(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    """The begin of one, the end of another."""
    other = random.choice(pool)
    data[random.randrange(len(data)) :] = other[random.randrange(len(other)) :]


def _append(data: bytearray, random: Random, pool: Sequence[bytes]) -> None:
    data += random.choice(pool)


KEEPING: tuple[Mutation, ...] = (_flip, _flip, _set, _word, _word)
"""Those that keep the length: a frame with a new checksum is still whole."""
ALL: tuple[Mutation, ...] = (*KEEPING, _text, _text, _insert, _delete, _duplicate, _truncate, _splice, _append)
MOST = 8192
"""Bytes of a mutant."""


def mutant(data: bytes, random: Random, pool: Sequence[bytes], kinds: tuple[Mutation, ...] = ALL) -> bytes:
    """This message with one to four changes."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        random.choice(kinds)(changed, random, pool)
        if not changed:
            break
    return bytes(changed[:MOST])
