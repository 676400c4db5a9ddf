"""Where simulated vehicles drive."""

from __future__ import annotations

from itertools import pairwise
from math import cos, hypot, radians

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON
from waygps.fix import Fix
from waygps.pipeline.quality import quality
from waygps.pipeline.validation import Limits, fault, mended
from waygps.simulation.route import BUENOS_AIRES, METRES_PER_DEGREE, Route


def driven(seed: int, steps: int, seconds: float = 2.0) -> list[Fix]:
    """What this vehicle reports."""
    route = Route(seed)
    return [route.advance(seconds, NOON + int(step * seconds * 1000)) for step in range(steps)]


def metres(one: Fix, other: Fix) -> float:
    """The distance of two fixes."""
    return hypot(other.lat - one.lat, (other.lon - one.lon) * cos(radians(one.lat))) * METRES_PER_DEGREE


class RouteTests(SynchronousTestCase):
    def test_repeatable(self) -> None:
        """A vehicle drives the same way at every start, and another one a different way."""
        assert driven(1, 50) == driven(1, 50)
        assert driven(1, 50) != driven(2, 50)

    def test_believable(self) -> None:
        """Nothing that a simulated vehicle reports is refused or mended by the server."""
        for fix in driven(3, 500):
            assert fault(fix, NOON + 10**9, Limits()) == ""
            assert mended(fix) == (fix, [])
            assert quality(fix) in ("excelente", "buena")

    def test_distance_agrees(self) -> None:
        """Between two reports a vehicle goes as far as its speed says, and its odometer counts it."""
        fixes = driven(4, 300)
        for before, after in pairwise(fixes):
            assert before.odometer_km is not None
            assert after.odometer_km is not None
            way = metres(before, after)
            assert way <= 60 / 3.6 * 2 + 0.5
            assert abs(way - (after.odometer_km - before.odometer_km) * 1000) < 11
            if after.speed_kmh == 0:
                assert way < 0.2

    def test_heading_agrees(self) -> None:
        """On a straight the marker points where it goes."""
        fixes = driven(5, 300)
        straight = [
            (before, after)
            for before, after in pairwise(fixes)
            if before.course_deg == after.course_deg and metres(before, after) > 15
        ]
        assert len(straight) > 50
        for before, after in straight:
            assert after.course_deg is not None
            north = after.lat - before.lat
            east = (after.lon - before.lon) * cos(radians(before.lat))
            angle = radians(after.course_deg)
            along = north * cos(angle) + east * cos(angle - radians(90))
            assert along > 0.95 * hypot(north, east)

    def test_stays_in_the_city(self) -> None:
        """A vehicle that drives for a day is still around Buenos Aires."""
        for seed in range(5):
            last = driven(seed, 8640, 10.0)[-1]
            assert abs(last.lat - BUENOS_AIRES[0]) < 0.2
            assert abs(last.lon - BUENOS_AIRES[1]) < 0.3

    def test_parks(self) -> None:
        """Vehicles park now and then, with the ignition off after a while, and drive on."""
        fixes = driven(6, 3000)
        parked = [fix for fix in fixes if fix.speed_kmh == 0]
        assert parked
        assert {fix.ignition for fix in parked} == {True, False}
        assert fixes[-1].odometer_km != fixes[0].odometer_km
