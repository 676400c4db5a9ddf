"""The devices of one receiver: those that have a connection, and those that were heard without one lately."""

from __future__ import annotations

from collections.abc import Callable


class Devices:
    """At most ``most`` at once; 0: any number, and nobody is counted. Whose message is refused is to be taken out again."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.most = 0
        self._now = now
        self._connected: dict[str, int] = {}
        """Connections of each."""
        self._heard: dict[str, float] = {}
        """When each that came without a connection was heard last."""

    def __len__(self) -> int:
        return len(self._connected) + len(self._heard)

    def enter(self, device: str) -> bool:
        """Whether a connection may speak for this device; if so it is counted until ``leave``."""
        connections = self._connected.get(device, 0)
        if not connections and self._is_full():
            return False
        self._connected[device] = connections + 1
        return True

    def leave(self, device: str) -> None:
        """A connection speaks for this device no more."""
        connections = self._connected.pop(device)
        if connections > 1:
            self._connected[device] = connections - 1

    def hear(self, device: str) -> bool:
        """Whether a datagram or a request may speak for this device; if so it is counted until ``forget``."""
        if device not in self._heard and self._is_full():
            return False
        self._heard[device] = self._now()
        return True

    def is_known(self, device: str) -> bool:
        """Whether it was heard without a connection."""
        return device in self._heard

    def drop(self, device: str) -> None:
        """What was heard was not of a device of the receiver."""
        self._heard.pop(device, None)

    def forget(self, seconds: float) -> None:
        """Those that have not been heard for so long are gone."""
        before = self._now() - seconds
        for device in [device for device, heard in self._heard.items() if heard < before]:
            del self._heard[device]

    def _is_full(self) -> bool:
        return 0 < self.most <= len(self)
