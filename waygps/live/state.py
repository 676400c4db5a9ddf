"""The initial_state that many clients wait for at once: read, encoded and compressed once for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from waygps.live.frames import text_frame
from waygps.live.messages import initial_state


class State:
    """What was read at one time, as frames."""

    def __init__(self, mobiles: str) -> None:
        self._message = initial_state(mobiles)
        self._frames: dict[int, bytes] = {}

    def frame(self, bits: int) -> bytes:
        """For a client that takes this compression."""
        if bits not in self._frames:
            self._frames[bits] = text_frame(self._message, bits)
        return self._frames[bits]


class States:
    """Reads the state of all vehicles once at a time. Who asks while it is being read waits for the next reading: what moved
    between this reading and its asking would be missed.
    """

    def __init__(self, read: Callable[[], Awaitable[str]]) -> None:
        self._read = read
        self._waiting: list[Deferred[State]] = []
        self._is_reading = False

    def __call__(self) -> Deferred[State]:
        """The state as it is at this time or later."""
        waiting: Deferred[State] = Deferred()
        self._waiting.append(waiting)
        if not self._is_reading:
            self._next()
        return waiting

    def _next(self) -> None:
        waiting, self._waiting, self._is_reading = self._waiting, [], True
        reading: Deferred[str] = ensureDeferred(self._reading())
        reading.addCallbacks(self._cb_read, self._eb_read, callbackArgs=(waiting,), errbackArgs=(waiting,))

    async def _reading(self) -> str:
        return await self._read()

    def _cb_read(self, mobiles: str, waiting: list[Deferred[State]]) -> None:
        state = State(mobiles)
        self._go_on()
        for each in waiting:
            each.callback(state)

    def _eb_read(self, failure: Failure, waiting: list[Deferred[State]]) -> None:
        self._go_on()
        for each in waiting:
            each.errback(failure)

    def _go_on(self) -> None:
        self._is_reading = False
        if self._waiting:
            self._next()
