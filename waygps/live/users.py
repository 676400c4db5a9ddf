"""What one user's WebSockets may do together."""

from __future__ import annotations

from collections.abc import Callable

BURST = 5
"""Seconds' worth of messages that may come at once."""


class _User:
    def __init__(self, now: float) -> None:
        self.connections = 0
        self.tokens = float(BURST)
        """Seconds' worth of messages that are left."""
        self.since = now


class Users:
    """Counts connections and messages of each user who is connected. ``most`` 0: any number of connections."""

    def __init__(self, most: int, rate: float, now: Callable[[], float]) -> None:
        self._most = most
        self._rate = rate
        self._now = now
        self._users: dict[str, _User] = {}

    def enter(self, name: str) -> bool:
        """Count a connection of this user in; False: that would be one too many, and it is not counted."""
        user = self._users.get(name)
        if user is None:
            user = self._users[name] = _User(self._now())
        if self._most and user.connections >= self._most:
            return False
        user.connections += 1
        return True

    def leave(self, name: str) -> None:
        """A connection that was counted in is gone."""
        user = self._users[name]
        user.connections -= 1
        if not user.connections:
            del self._users[name]

    def may_send(self, name: str) -> bool:
        """Count a message of this user; False: too many came."""
        user, now = self._users[name], self._now()
        user.tokens = min(BURST, user.tokens + now - user.since)
        user.since = now
        user.tokens -= 1 / self._rate
        return user.tokens >= 0
