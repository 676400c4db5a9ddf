"""Where a message came from, as far as what is done with it depends on that."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Policy = Literal["cuarentena", "registrar", "rechazar"]
"""What becomes of a device that is not in ``moviles``: kept until someone decides, entered, or refused."""


class Origin(Struct, frozen=True):
    """A receiver, as its messages carry it."""

    vendor: str = ""
    """The protocol that its devices speak."""
    receiver: str = ""
    """Its name."""
    unknown: Policy = "registrar"
