"""Work in batches that form by themselves: while one is being done the next gathers, and begins when the last is finished.

No timer: idle, a thing is done at once; under load the batches grow with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from waygps.errors import StoreUnavailable
from waygps.position import Parcel

R = TypeVar("R")


class Gathering(Generic[R]):
    """Hands parcels to ``work`` in the order of their arrival, up to ``most`` positions at once.

    ``work(parcels)`` gives one result for all of them. Where it fails with StoreUnavailable, everybody who waits is told so at
    once: what follows would wait in vain as well.
    """

    def __init__(self, work: Callable[[Sequence[Parcel]], Awaitable[R]], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Parcel, Deferred[R]]] = deque()
        self._is_idle = True

    def put(self, parcel: Parcel) -> Deferred[R]:
        """Fires with the result of the batch that the parcel was in."""
        done: Deferred[R] = Deferred()
        self._waiting.append((parcel, done))
        if self._is_idle:
            self._is_idle = False
            ensureDeferred(self._run())
        return done

    async def _run(self) -> None:
        while self._waiting:
            batch = self._take()
            try:
                result = await self._work([parcel for parcel, _ in batch])
            except Exception as error:  # whatever it is, the next batch is another one
                self._fail(batch, Failure())
                if isinstance(error, StoreUnavailable):
                    self._fail(self._take_all(), Failure(error))
            else:
                for _, done in batch:
                    done.callback(result)
        self._is_idle = True

    def _take(self) -> list[tuple[Parcel, Deferred[R]]]:
        batch = [self._waiting.popleft()]
        size = len(batch[0][0].positions)
        while self._waiting and size + len(self._waiting[0][0].positions) <= self._most:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0].positions)
        return batch

    def _take_all(self) -> list[tuple[Parcel, Deferred[R]]]:
        waiting, self._waiting = list(self._waiting), deque()
        return waiting

    @staticmethod
    def _fail(batch: Sequence[tuple[Parcel, Deferred[R]]], failure: Failure) -> None:
        for _, done in batch:
            done.errback(failure)
