"""What changed since the last time, written once for all clients that get the same."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

from msgspec import Struct

from waygps.live.frames import text_frame
from waygps.live.messages import gps_batch, plain, row
from waygps.live.update import Item, Update

MOST_ROWS = 1000
"""Vehicles in one gps_batch."""


class Form(Struct, frozen=True):
    """How a client wants to be told."""

    compact: bool = False
    trail: bool = False
    bits: int = 0
    """The window of permessage-deflate; 0: no compression."""


class Selection(Protocol):
    """What a client hears of."""

    @property
    def audience(self) -> Hashable | None:
        """Equal for clients that hear of the same; None for one that has its own selection."""

    def wants(self, item: Item) -> bool:
        """Whether the client is to hear this. Asked once for each, in order."""


class Batch:
    """These items, as frames for the socket."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self._shared: dict[tuple[Form, Hashable], bytes] = {}
        self._written: dict[tuple[int, bool, bool], bytes] = {}

    def wire(self, form: Form, selection: Selection) -> bytes:
        """What a client of this form and selection is sent; b"" for nothing.

        What one client alone gets is not compressed: that would cost the server more than all the rest.
        """
        audience = selection.audience
        if audience is None:
            return self._frames(form, [at for at, item in enumerate(self.items) if selection.wants(item)], 0)
        key = (form, audience)
        if key not in self._shared:
            wanted = [at for at, item in enumerate(self.items) if selection.wants(item)]
            self._shared[key] = self._frames(form, wanted, form.bits)
        return self._shared[key]

    def _frames(self, form: Form, wanted: Sequence[int], bits: int) -> bytes:
        """The updates before the other messages: of a vehicle's position and its new state the state is the later one."""
        updates = [at for at in wanted if isinstance(self.items[at], Update)]
        others = [item.message for at in wanted if not isinstance(item := self.items[at], Update)]
        written = [self._one(at, form) for at in updates]
        if form.compact:
            parts = [written[at : at + MOST_ROWS] for at in range(0, len(written), MOST_ROWS)]
            written = [text_frame(gps_batch(part), bits) for part in parts]
        return b"".join([*written, *(text_frame(message) for message in others)])

    def _one(self, at: int, form: Form) -> bytes:
        """A row, or the whole frame of a gps_update."""
        key = (at, form.compact, form.trail)
        found = self._written.get(key)
        if found is None:
            item = self.items[at]
            assert isinstance(item, Update)
            found = row(item, form.trail) if form.compact else text_frame(plain(item, form.trail))
            self._written[key] = found
        return found
