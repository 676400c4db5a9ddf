"""What simulated devices share that report in lines: a message for each fix, and no greeting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from zope.interface import implementer

from waygps.fix import Fix
from waygps.interfaces import IEncoder, Transport


@implementer(IEncoder)
class LineEncoder:
    """A device that names itself in each message. A vendor's Encoder overrides ``line``, and ``hello`` where it greets."""

    most_fixes = 1
    answered: ClassVar[tuple[Transport, ...]] = ("tcp", "udp")
    """The transports over which a report has an answer."""

    def __init__(self, device: str, transport: Transport) -> None:
        self.device = device
        self.is_answered = transport in self.answered

    def hello(self) -> bytes:
        return b""

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        return b"".join(map(self.line, fixes))

    def line(self, fix: Fix) -> bytes:
        """The message with this fix, its end included."""
        raise NotImplementedError


def moment(fix: Fix) -> datetime:
    """The time of a fix in UTC; 1970 where it has none."""
    return datetime.fromtimestamp((fix.time or 0) / 1000, UTC)
