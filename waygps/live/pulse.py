"""Whether a client is still there: it answers pings, and reads what it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

SILENT = 4408
"""Close code: the client answered no ping, or did not read."""


class Watched(Protocol):
    """A connection, as far as its pulse is concerned."""

    def beat(self) -> None:
        """Send a ping, and whatever else shows the client that the server is there."""

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""


class Pulse:
    """Looks twice in ``timeout`` seconds. ``unread_since()`` says when the client stopped to read; None while it reads."""

    def __init__(
        self, clock: Any, timeout: float, stalled: float, watched: Watched, unread_since: Callable[[], float | None]
    ) -> None:
        self._clock = clock
        self._timeout = timeout
        self._stalled = stalled
        self._watched = watched
        self._unread_since = unread_since
        self._heard = clock.seconds()
        self._call = clock.callLater(self.period, self._look)

    @property
    def period(self) -> float:
        """Seconds from one look to the next."""
        return self._timeout / 2

    def heard(self) -> None:
        """The client said something."""
        self._heard = self._clock.seconds()

    def stop(self) -> None:
        """The connection is gone."""
        if self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        now, unread = self._clock.seconds(), self._unread_since()
        # An answer to a ping cannot come from behind what is not read.
        if unread is not None and now - unread >= self._stalled:
            self._watched.end(SILENT, f"nothing was read for {self._stalled:g} s")
        elif unread is None and now - self._heard >= self._timeout:
            self._watched.end(SILENT, f"no sign of life for {self._timeout:g} s")
        else:
            self._call = self._clock.callLater(self.period, self._look)
            if unread is None:
                self._watched.beat()
