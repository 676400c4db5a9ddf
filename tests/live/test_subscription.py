"""Which vehicles a client hears of."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.live.telling import an_update
from waygps.live.area import Area
from waygps.live.subscription import Subscription
from waygps.live.update import Said


class SubscriptionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.subscription = Subscription()

    def wanted(self) -> list[int]:
        return [vehicle for vehicle in range(1, 5) if self.subscription.wants(an_update(vehicle))]

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
        assert subscription.wants(an_update(1))

    @given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=12))
    def test_any_sequence(self, changes: list[tuple[bool, int]]) -> None:
        """Whatever a client does, it hears of what it asked for last and not of what it dropped last."""
        subscription = Subscription()
        for add, vehicle in changes:
            (subscription.add if add else subscription.remove)(vehicle)
            assert subscription.wants(an_update(vehicle)) is add
            assert subscription.wants(Said(vehicle, b"")) is add


class AreaTests(SynchronousTestCase):
    """A client that shows a part of the map."""

    def setUp(self) -> None:
        self.subscription = Subscription()
        self.subscription.watch(Area(-35, -59, -34, -58))

    def test_inside(self) -> None:
        """A page hears of the vehicles in its rectangle, its borders included, and of no others."""
        assert self.subscription.wants(an_update(1, -34.5, -58.5))
        assert self.subscription.wants(an_update(2, -35, -58))
        for number, (lat, lon) in enumerate(((-33.9, -58.5), (-35.1, -58.5), (-34.5, -59.1), (-34.5, -57.9)), 3):
            assert not self.subscription.wants(an_update(number, lat, lon)), (lat, lon)

    def test_leaves(self) -> None:
        """A vehicle that leaves the rectangle is told once more, so that the page can drop it, and when it comes back."""
        told = [self.subscription.wants(an_update(1, -34.5, lon)) for lon in (-58.5, -57.0, -56.0, -58.1)]
        assert told == [True, True, False, True]

    def test_state_of_what_is_inside(self) -> None:
        """The page is told that a vehicle in its rectangle went away, and not of one that it does not show."""
        self.subscription.wants(an_update(1, -34.5, -58.5))
        assert self.subscription.wants(Said(1, b""))
        assert not self.subscription.wants(Said(2, b""))

    def test_moved_map(self) -> None:
        """A new rectangle takes the place of the old one."""
        self.subscription.wants(an_update(1, -34.5, -58.5))
        self.subscription.watch(Area(10, 10, 20, 20))
        assert not self.subscription.wants(an_update(1, -34.5, -58.5))
        assert self.subscription.wants(an_update(2, 15, 15))

    def test_with_single_vehicles(self) -> None:
        """A vehicle that was asked for by number is told wherever it is."""
        self.subscription.add(7)
        assert self.subscription.wants(an_update(7, 50, 50))
        assert self.subscription.wants(an_update(8, -34.5, -58.5))
        self.subscription.watch(None)
        assert not self.subscription.wants(an_update(8, -34.5, -58.5))
        assert self.subscription.wants(an_update(7, -34.5, -58.5))

    def test_all_again(self) -> None:
        """A page may hear of all again, and then gets the same bytes as everybody else."""
        assert self.subscription.audience is None
        self.subscription.widen()
        assert self.subscription.wants(an_update(1, 50, 50))
        assert self.subscription.audience == Subscription().audience is not None

    @given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-180, 180), st.floats(-180, 180))
    def test_date_line(self, lat: float, lon: float, west: float, east: float) -> None:
        """A rectangle across the date line and the one between its sides the other way round cover the globe together."""
        assume(west != east)
        one, other = Area(-90, west, 90, east), Area(-90, east, 90, west)
        assert one.contains(lat, lon) or other.contains(lat, lon)
        if lon not in (west, east):
            assert one.contains(lat, lon) is not other.contains(lat, lon)

    def test_fiji(self) -> None:
        """A map of Fiji shows vehicles on both sides of 180 degrees."""
        fiji = Area(-20, 176, -15, -178)
        assert fiji.contains(-17, 179)
        assert fiji.contains(-17, -179)
        assert not fiji.contains(-17, 0)
