"""The thread for what may block."""

from __future__ import annotations

from threading import Event, current_thread, main_thread

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from waygps.background import Background


class BackgroundTests(TestCase):
    timeout = 20

    def background(self, most: int = 100, patience: float = 10) -> Background:
        background = Background(most, patience)
        background.startService()
        return background

    async def stop(self, background: Background) -> None:
        stopping = background.stopService()
        assert isinstance(stopping, Deferred)
        await stopping

    async def test_order(self) -> None:
        """What is called is called in order, away from the event loop, and all of it before a stop is over."""
        background, called = self.background(), list[object]()
        for number in range(50):
            assert background.call(lambda number=number: called.append((number, current_thread() is main_thread())))  # type: ignore[misc]
        await self.stop(background)
        assert called == [(number, False) for number in range(50)]

    async def test_not_running(self) -> None:
        """Before the start and after the stop a call is made at once."""
        background, called = Background(), list[int]()
        assert background.call(lambda: called.append(1))
        background.startService()
        await self.stop(background)
        assert background.call(lambda: called.append(2))
        assert called == [1, 2]

    async def test_full(self) -> None:
        """While a call hangs nothing waits for it, and of too many more are refused."""
        background, hangs, begun = self.background(most=2), Event(), Event()
        self.addCleanup(hangs.set)

        def hang() -> None:
            begun.set()
            hangs.wait(10)

        background.call(hang)
        assert begun.wait(10)
        assert [background.call(lambda: None) for _ in range(3)] == [True, True, False]
        hangs.set()
        await self.stop(background)

    async def test_stop_of_what_hangs(self) -> None:
        """A call that hangs for good does not keep the server from stopping."""
        background, hangs = self.background(patience=0.05), Event()
        self.addCleanup(hangs.set)
        background.call(lambda: hangs.wait(10))
        await self.stop(background)

    async def test_fault(self) -> None:
        """A call that fails is in the log, and the next is made."""
        background, called = self.background(), list[int]()
        background.call(lambda: 1 // 0)
        background.call(lambda: called.append(1))
        await self.stop(background)
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        assert called == [1]
