"""Which vehicles a client hears of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from waygps.live.subscription import Subscription


class SubscriptionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.subscription = Subscription()

    def wanted(self) -> list[int]:
        return [vehicle for vehicle in range(1, 5) if self.subscription.wants(vehicle)]

    def test_all_at_first(self) -> None:
        """A client that asks for nothing hears of every vehicle."""
        assert self.wanted() == [1, 2, 3, 4]

    def test_first_one_narrows(self) -> None:
        """The first vehicle asked for is the only one; the next ones join it."""
        self.subscription.add(2)
        assert self.wanted() == [2]
        self.subscription.add(3)
        assert self.wanted() == [2, 3]

    def test_remove_from_all(self) -> None:
        """A client that drops a vehicle hears of all the others."""
        self.subscription.remove(2)
        assert self.wanted() == [1, 3, 4]

    def test_remove_named(self) -> None:
        """A client that drops what it asked for hears of the rest of that, and of nothing when nothing is left."""
        self.subscription.add(2)
        self.subscription.add(3)
        self.subscription.remove(2)
        assert self.wanted() == [3]
        self.subscription.remove(3)
        assert self.wanted() == []

    def test_remove_what_was_not_asked_for(self) -> None:
        """Dropping a vehicle that was not asked for changes nothing."""
        self.subscription.add(2)
        self.subscription.remove(4)
        assert self.wanted() == [2]

    def test_add_after_remove(self) -> None:
        """The first vehicle asked for counts, whatever was dropped from all before."""
        self.subscription.remove(2)
        self.subscription.add(2)
        assert self.wanted() == [2]

    def test_bound(self) -> None:
        """A client can name so many vehicles and no more, in either direction, and is told so."""
        for change in ("add", "remove"):
            subscription = Subscription(most=2)
            getattr(subscription, change)(1)
            getattr(subscription, change)(2)
            with self.assertRaises(ValueError) as caught:
                getattr(subscription, change)(3)
            assert str(caught.exception).startswith("a client can name at most 2 vehicles")

    def test_again_at_the_bound(self) -> None:
        """A vehicle that is named already is none more."""
        subscription = Subscription(most=1)
        subscription.add(1)
        subscription.add(1)
        assert subscription.wants(1)

    @given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=12))
    def test_any_sequence(self, changes: list[tuple[bool, int]]) -> None:
        """Whatever a client does, it hears of what it asked for last and not of what it dropped last."""
        subscription = Subscription()
        for add, vehicle in changes:
            (subscription.add if add else subscription.remove)(vehicle)
            assert subscription.wants(vehicle) is add
