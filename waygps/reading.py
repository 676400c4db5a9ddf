"""What a message says, put together piece by piece: a piece that cannot be read costs itself, and is a warning on the message."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from waygps.fix import Attributes, Fix, Message, Vitals
from waygps.readers import shallow

Reader = Callable[[Any], Any]
"""Makes a value of what is on the wire; raises ValueError where that says nothing. None as a value: the device does not say."""
Layout = Iterable[tuple[str, Reader | None]]
"""The fields of a line, in order: the name, "" where it is not used, and the reader; None takes it as it is."""
Elements = Mapping[int, tuple[str, Reader | None]]
"""What the ids of a binary report's elements mean: the name, and the reader; None takes the value as it is."""
Known = dict[int, tuple[bool, str, Reader | None]]
"""The same, with whether the name is a field's."""

Widths = Iterable[tuple[int, str, Reader | None]]
"""The fields of a binary report, in order: bytes, the name, "" where it is not used, and the reader of the unsigned integer."""

FIELDS = frozenset(Fix.__struct_fields__) - {"attributes"}
VITALS = Vitals.__struct_fields__


class Reading:
    """The fields of one report. A name of a Fix's field goes there, any other among the attributes."""

    __slots__ = ("attributes", "fields", "unreadable", "warnings")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.attributes: Attributes = {}
        self.warnings: list[str] = []
        self.unreadable = ""
        """Why there is no fix although the message reports one; "" for no such reason."""

    def put(self, name: str, raw: Any, read: Reader | None = None) -> None:
        """Take one piece; what is empty says nothing, what cannot be read is left out with a warning."""
        if raw is None or raw in ("", b""):
            return
        try:
            value = read(raw) if read else raw
        except (ValueError, TypeError, ArithmeticError, LookupError, struct.error):
            self.warnings.append(f"{name} cannot be {_shown(raw)}")
            return
        if value is not None:
            (self.fields if name in FIELDS else self.attributes)[name] = value

    def need(self, name: str, raw: Any, read: Reader | None = None) -> None:
        """Take a piece without which there is no fix, however the device means it."""
        before = len(self.warnings)
        self.put(name, raw, read)
        if name not in self.fields:
            reason = self.warnings.pop() if len(self.warnings) > before else f"{name} is missing"
            self.unreadable = self.unreadable or reason

    def take(self, layout: Layout, raws: Iterable[Any]) -> None:
        """Take pieces in the order of the layout; there may be fewer, or more, than it has."""
        for (name, read), raw in zip(layout, raws, strict=False):
            if name:
                self.put(name, raw, read)

    def unpack(self, layout: Widths, data: bytes, at: int = 0) -> int:
        """Take big-endian integers one after the other, from ``at`` on; gives where they end.

        A field that the data does not reach is left out with a warning, and so are those behind it.
        """
        for width, name, read in layout:
            end = at + width
            if end > len(data):
                self.warnings.append(f"{name or 'a field'} is cut off")
                return len(data)
            if name:
                self.put(name, int.from_bytes(data[at:end]), read)
            at = end
        return at

    def tagged(self, names: Mapping[int, tuple[str, Reader]], pairs: Iterable[tuple[int, bytes]]) -> None:
        """Take (tag, value) pairs; what has no name is kept as ``element_`` and the tag in hex."""
        for tag, value in pairs:
            self.put(*((names[tag][0], value, names[tag][1]) if tag in names else (f"element_{tag:02x}", value.hex())))

    def bits(self, value: int, names: Mapping[int, str]) -> None:
        """Set a flag for each of these bits (0 is the lowest)."""
        for bit, name in names.items():
            self.put(name, bool(value >> bit & 1))

    def elements(self, pairs: Iterable[tuple[int, Any]], known: Known) -> None:
        """Take (id, value) pairs; an id that is not known is kept as an attribute ``io<ID>``, bytes in hex.

        A reader's ValueError costs the element, and its text is the warning.
        """
        fields, attributes, find = self.fields, self.attributes, known.get
        for key, raw in pairs:
            element = find(key)
            if element is None:
                attributes[f"io{key}"] = raw if raw.__class__ is int else raw.hex()
                continue
            is_field, name, read = element
            if read is not None:
                try:
                    raw = read(raw)
                except ValueError as error:
                    self.warnings.append(f"io{key} ({name}): {error}")
                    continue
                if raw is None:
                    continue
            (fields if is_field else attributes)[name] = raw

    def keep(self, name: str, raw: Any) -> None:
        """Take a JSON value among the attributes, whatever it is and whatever its name."""
        try:
            self.attributes[name] = shallow(raw)
        except ValueError as error:
            self.warnings.append(f"{name[:40]} is {error}")

    @property
    def is_fix(self) -> bool:
        """Whether there is a position."""
        return not self.unreadable and "lat" in self.fields and "lon" in self.fields

    def fix(self) -> Fix:
        """The fix; only where there is a position."""
        fields = self.fields
        fields.setdefault("time", None)
        fields["attributes"] = self.attributes
        return Fix(**fields)

    def vitals(self) -> Vitals | None:
        """What a message without a position says of its vehicle; None for nothing."""
        said = {name: self.fields[name] for name in VITALS if self.fields.get(name) is not None}
        return Vitals(**said) if said else None

    def message(self, device: str = "", reply: bytes = b"", refusal: bytes = b"") -> Message:
        """The message with this report, or without one where there is no position."""
        return message([self], device, reply, refusal)


def message(readings: Iterable[Reading], device: str = "", reply: bytes = b"", refusal: bytes = b"") -> Message:
    """The message with these reports, in order; ``vitals`` are of the last one that has no position."""
    fixes, warnings, unreadable, vitals = [], [], "", None
    for reading in readings:
        if reading.warnings:
            warnings += reading.warnings
        if reading.is_fix:
            fixes.append(reading.fix())
        else:
            unreadable = unreadable or reading.unreadable
            vitals = reading.vitals() or vitals
    return Message(
        device=device,
        fixes=tuple(fixes),
        reply=reply,
        refusal=refusal,
        unreadable=unreadable,
        vitals=vitals,
        warnings=tuple(dict.fromkeys(warnings)) if warnings else (),
    )


def known(elements: Elements) -> Known:
    """The table as ``Reading.elements`` takes it."""
    return {key: (name in FIELDS, name, read) for key, (name, read) in elements.items()}


def tlv(data: bytes, head: struct.Struct, reading: Reading) -> Iterator[tuple[int, bytes]]:
    """The (tag, value) pairs of ``data``; ``head`` unpacks the tag and the length of the value, in bytes.

    A pair that runs past the end is left out, with a warning: what came before it stays.
    """
    at = 0
    while at < len(data):
        if at + head.size > len(data):
            reading.warnings.append(f"{len(data) - at} bytes behind the last element")
            return
        tag, length = head.unpack_from(data, at)
        at += head.size
        if at + length > len(data):
            reading.warnings.append(f"element {tag:#x} has {length} bytes, {len(data) - at} are there")
            return
        yield tag, data[at : at + length]
        at += length


def _shown(raw: Any) -> str:
    text = raw.hex() if isinstance(raw, bytes | bytearray) else repr(raw)
    return text if len(text) <= 42 else f"{text[:40]}…"
