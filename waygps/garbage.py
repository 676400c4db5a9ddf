"""Python's garbage collector, set for a server: reference counts free what a fix makes, and looking for more costs time."""

from __future__ import annotations

import gc

from twisted.application.service import Service

THRESHOLDS = (50_000, 20, 20)
"""Objects more than freed before a look at the youngest, and looks before one at the next older. With Python's own 700, 10, 10
storing takes an eighth more CPU, and one acknowledgement in a hundred waits twice as long (`make bench`, 1 record a packet)."""


class GarbageCollection(Service):
    """Started last: what the start has made stays, and is looked at no more."""

    name = "garbage collection"

    def startService(self) -> None:
        super().startService()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
