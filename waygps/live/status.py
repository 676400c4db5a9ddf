"""/ws/status/: how the server does, every few seconds, and its alerts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from waygps.config import Live
from waygps.live.batch import Batch
from waygps.live.connection import LiveFactory, LiveSocket
from waygps.live.frames import text_frame
from waygps.live.hub import Hub
from waygps.live.messages import encode
from waygps.live.update import Item, Said
from waygps.live.users import Users


class StatusSocket(LiveSocket):
    """One client: system_status at once and every few seconds; every system_alert."""

    _call: Any = None

    def begin(self) -> None:
        """See LiveSocket."""
        self.outbox.begin()
        self._tell()

    def take(self, batch: Batch) -> None:
        """See Client: positions are for /ws/gps/."""

    def send_items(self, items: list[Item]) -> None:
        """See LiveSocket."""
        self.write(b"".join(text_frame(item.message, self.bits) for item in items if isinstance(item, Said)))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        super().onClose(wasClean, code, reason)
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _tell(self) -> None:
        factory: StatusFactory = self.factory
        self._call = factory.clock.callLater(factory.live.status_interval, self._tell)
        self.alert("system_status", encode({"type": "system_status", "data": factory.health()}))


class StatusFactory(LiveFactory):
    """Makes the clients of /ws/status/; ``health()`` gives the keys of GET /api/health."""

    protocol = StatusSocket

    def __init__(
        self,
        hub: Hub,
        user_of: Callable[[str], Awaitable[str | None]],
        health: Callable[[], dict[str, Any]],
        users: Users,
        clock: Any,
        live: Live,
        origins: tuple[str, ...] = (),
    ) -> None:
        super().__init__(hub, user_of, users, clock, live, origins)
        self.health = health
