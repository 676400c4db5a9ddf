"""Open files: devices are refused while there are still some left for the database, the web and what is written to disk."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable

from twisted.logger import Logger

MOST = 2**20
"""More are of no use here."""

SHORT, ENOUGH = "archivos_agotados", "archivos_disponibles"
"""Kinds of the alerts."""


def allow_files() -> int:
    """Let this process have as many open files as the system lets it; how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # some systems have one more limit, of which they do not tell
            return soft
    return wanted if soft == resource.RLIM_INFINITY else max(soft, wanted)


def lowest_free() -> int:
    """The number that the next file will have. The system gives the lowest, so that all below it are in use."""
    try:
        number = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return MOST * 2
    os.close(number)
    return number


class Files:
    """Keeps ``reserve`` of the ``allowed`` open files from the devices' connections; 0: they may have all.

    ``alert(kind, text)`` is told of the first connection that is refused, and of the end of the shortage. The numbers from
    ``allowed - reserve`` on are never a device's: that costs one look at the lowest free number a connection, and no counting.
    """

    _log = Logger()

    def __init__(
        self, allowed: int, reserve: int, alert: Callable[[str, str], None], lowest: Callable[[], int] = lowest_free
    ) -> None:
        self.allowed = allowed
        self.most = max(allowed - reserve, allowed // 2) if reserve else 0
        """Numbers that devices' connections may have; 0: any."""
        self._alert = alert
        self._lowest = lowest
        self._is_short = self._was_refused = False

    def is_left(self) -> bool:
        """Whether a device may have one more."""
        if not self.most or self._lowest() < self.most:
            return True
        self._was_refused = True
        if not self._is_short:
            self._is_short = True
            text = (
                f"{self.most} of {self.allowed} open files are in use: further devices are refused. Raise the limit (LimitNOFILE)"
            )
            self._alert(SHORT, text)
        return False

    def look(self) -> None:
        """To be asked now and then: the shortage is over when nobody was refused since the last time, and there is room."""
        was_refused, self._was_refused = self._was_refused, False
        if self._is_short and not was_refused and self._lowest() < self.most:
            self._is_short = False
            self._log.info("there are open files again: devices may connect")
            self._alert(ENOUGH, "There are open files again: devices may connect")

    def compare(self, connections: int) -> None:
        """Say in the log whether a receiver can have so many connections; 0: it has no such limit."""
        fields = {"allowed": self.allowed, "most": self.most or self.allowed, "connections": connections}
        if fields["most"] < connections:
            self._log.warn(
                "{allowed} open files are allowed, {most} of them for devices: less than limits.connections_receiver "
                "({connections}). Raise the limit: ulimit -n, or LimitNOFILE= of the systemd unit",
                **fields,
            )
        else:
            self._log.info("{allowed} open files are allowed, {most} of them for devices", **fields)
