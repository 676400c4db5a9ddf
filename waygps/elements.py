"""Elements of binary reports: (id, value) pairs, grouped by the width of the values, as several makers pack them. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from typing import NamedTuple

from waygps.fix import Fix
from waygps.reading import Elements, Known, Reader, Reading, known

Group = tuple[Struct, Known]
"""How an (id, value) pair of one width is packed, and what the ids mean."""
Sent = Iterable[Iterable[tuple[int, str, str, float]]]
"""What a simulated device sends, by groups: id, code of struct for the value, name, and what the value is multiplied by."""

CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""The codes of struct by width in bytes."""


def scaled(divisor: float, none: int | None = None) -> Reader | None:
    """A reader of a whole number in parts of a unit; the number ``none`` says nothing."""
    if none is None:
        return (lambda raw: raw / divisor) if divisor != 1 else None
    return lambda raw: None if raw == none else raw / divisor if divisor != 1 else raw


def signed(width: int, divisor: float = 1, absent: Mapping[int, str] | None = None) -> Callable[[int], float]:
    """A reader of an unsigned number of so many bytes that means a signed one; ``absent``: numbers that are faults, and which."""
    top, span, faults = 1 << 8 * width - 1, 1 << 8 * width, absent or {}

    def read(raw: int) -> float:
        value = raw - span if raw >= top else raw
        if value in faults:
            raise ValueError(f"{value} means {faults[value]}")
        return value / divisor if divisor != 1 else value

    return read


def groups(key: str, elements: Mapping[int, Elements]) -> tuple[Group, ...]:
    """The groups of these widths in bytes, whose ids are packed with this code of struct."""
    return tuple((Struct(f">{key}{CODES[width]}"), known(ids)) for width, ids in elements.items())


class Layout(NamedTuple):
    """How a record is packed."""

    head: Struct
    """What stands before the elements."""
    counter: int
    """Bytes, one or two, of the number of elements that each group begins with."""
    groups: tuple[Group, ...]
    variable: Group | None = None
    """A last group whose elements are an id, a length, and as many bytes."""


def take(reading: Reading, data: bytes, at: int, layout: Layout) -> tuple[int, int]:
    """Take the groups of a record's elements; gives the number of all elements, and where they end.

    Raises IndexError or struct.error where they run past the end of the data, after what is whole was taken.
    """
    number, size, elements = 0, layout.counter, reading.elements
    for pair, ids in layout.groups:
        count = data[at] if size == 1 else data[at] << 8 | data[at + 1]
        at += size
        if count:
            number, stop = number + count, at + count * pair.size
            if stop > len(data):
                stop = at + (len(data) - at) // pair.size * pair.size
                elements(pair.iter_unpack(data[at:stop]), ids)
                raise struct.error(f"{count} elements run past the end")
            elements(pair.iter_unpack(data[at:stop]), ids)
            at = stop
    if layout.variable:
        more, at = _variable(reading, data, at, size, *layout.variable)
        number += more
    return number, at


def _variable(reading: Reading, data: bytes, at: int, size: int, head: Struct, ids: Known) -> tuple[int, int]:
    count = data[at] if size == 1 else data[at] << 8 | data[at + 1]
    at += size
    for _ in range(count):
        key, length = head.unpack_from(data, at)
        at += head.size + length
        if at > len(data):
            raise struct.error(f"element {key} of {length} bytes runs past the end")
        reading.elements(((key, data[at - length : at]),), ids)
    return count, at


Masked = Iterable[tuple[int, int, str, Reader | None]]
"""Fields that are there when their bit of a mask (0 is the lowest) is: the bit, the size in bytes, the name or "", the reader."""


def announced(layout: Masked, mask: int) -> list[tuple[int, str, Reader | None]]:
    """The fields that are there, with their sizes."""
    return [(size, name, read) for bit, size, name, read in layout if mask >> bit & 1]


def take_announced(reading: Reading, data: bytes, at: int, fields: Iterable[tuple[int, str, Reader | None]]) -> int:
    """Take these fields, one behind the other; gives where they end. Raises IndexError where the data ends before."""
    for size, name, read in fields:
        if at + size > len(data):
            raise IndexError(f"{name or 'a field'} runs past the end")
        if name:
            reading.put(name, data[at : at + size], read)
        at += size
    return at


def packed(fix: Fix, key: str, sent: Sent) -> tuple[int, bytes]:
    """The groups that say what the fix says, fields before attributes, and the number of elements in them."""
    number, parts = 0, []
    for group in sent:
        values = [(id_, code, getattr(fix, name, fix.attributes.get(name)), by) for id_, code, name, by in group]
        pairs = [struct.pack(f">{key}{code}", id_, round(value * by)) for id_, code, value, by in values if value is not None]
        parts += [bytes([len(pairs)]), *pairs]
        number += len(pairs)
    return number, b"".join(parts)


def network(reading: Reading, element: str) -> None:
    """Take the attribute ``operator`` apart into ``mcc`` and ``mnc``; ``element`` is where it comes from, for the warning."""
    if code := reading.attributes.get("operator"):
        if 10_000 <= code <= 999_999:
            digits = str(code)
            reading.attributes.update(mcc=int(digits[:3]), mnc=int(digits[3:]))
        else:
            reading.warnings.append(f"{element} (operator): {code} is not a code of 5 or 6 digits")
