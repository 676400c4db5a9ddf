"""What one user's WebSockets may do together."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from waygps.live.users import BURST, Users


class UsersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.users = Users(2, 10.0, self.clock.seconds)

    def test_connections(self) -> None:
        """Each user has so many connections and no more, whatever others have; one that ends makes room."""
        assert [self.users.enter("ana") for _ in range(3)] == [True, True, False]
        assert self.users.enter("beto")
        self.users.leave("ana")
        assert [self.users.enter("ana") for _ in range(2)] == [True, False]

    def test_any_number(self) -> None:
        """0 is no bound."""
        users = Users(0, 10.0, self.clock.seconds)
        assert all(users.enter("ana") for _ in range(1000))

    def test_messages(self) -> None:
        """A user may send a burst, and then ten a second, over all connections together."""
        self.users.enter("ana")
        self.users.enter("ana")
        assert sum(self.users.may_send("ana") for _ in range(200)) == 10 * BURST
        self.clock.advance(100)
        assert all(self.users.may_send("ana") for _ in range(10 * BURST))

    def test_nobody_is_kept(self) -> None:
        """Of a user who is gone nothing is remembered."""
        for number in range(1000):
            self.users.enter(f"user {number}")
            self.users.leave(f"user {number}")
        assert not self.users._users
