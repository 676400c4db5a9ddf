"""The state of all vehicles that many clients begin with at once."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.live.telling import texts
from waygps.errors import StoreUnavailable
from waygps.live.state import State, States


class StatesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.readings: list[Deferred[str]] = []
        self.states = States(self.read)

    async def read(self) -> str:
        self.readings.append(Deferred())
        return await self.readings[-1]

    def test_thousand_at_once(self) -> None:
        """A thousand pages that come back at once cost the database two questions, and none has a state from before it came."""
        first, *rest = [self.states() for _ in range(1000)]
        assert len(self.readings) == 1
        self.readings[0].callback('[{"id": 1}]')
        assert isinstance(self.successResultOf(first), State)
        assert all(not other.called for other in rest)
        self.readings[1].callback('[{"id": 2}]')
        frames = {self.successResultOf(other).frame(0) for other in rest}
        assert [texts(frame)[0]["mobiles"] for frame in frames] == [[{"id": 2}]]
        assert len(self.readings) == 2

    def test_later(self) -> None:
        """Who comes later gets what is there then."""
        for number in range(3):
            asked = self.states()
            self.readings[number].callback(f'[{{"id": {number}}}]')
            assert texts(self.successResultOf(asked).frame(15))[0]["mobiles"] == [{"id": number}]

    def test_database_away(self) -> None:
        """When the question fails all who waited for it are told; the next one is asked anew."""
        asked, waiting = self.states(), self.states()
        self.readings[0].errback(StoreUnavailable("away"))
        self.failureResultOf(asked, StoreUnavailable)
        self.readings[1].callback("[]")
        self.successResultOf(waiting)
