"""Where a simulated vehicle is: it drives the grid of a city, turns at corners, parks now and then. Pure; a seed repeats it."""

from __future__ import annotations

from math import cos, radians
from random import Random

from waygps.fix import Fix

METRES_PER_DEGREE = 111_195
BUENOS_AIRES = (-34.6037, -58.3816)
GRID_BEARING = 7.0
"""Degrees by which the streets of the city centre are turned."""


class Route:
    """One vehicle's way. ``advance`` moves it on and gives the fix it would report."""

    def __init__(self, seed: int, centre: tuple[float, float] = BUENOS_AIRES) -> None:
        self._random = Random(seed)
        self._lat = centre[0] + self._random.uniform(-0.05, 0.05)
        self._lon = centre[1] - self._random.uniform(0.0, 0.12)
        self._quarter = self._random.randrange(4)
        self._centre = self._lat, self._lon
        self._to_corner = self._random.uniform(50, 400)
        self._speed = self._random.uniform(20, 55)
        self._parked = 0.0
        self._odometer = self._random.uniform(5_000, 180_000)

    def advance(self, seconds: float, time: int) -> Fix:
        """Drive on for so long; ``time`` (ms since 1970 UTC) is what the fix will carry."""
        self._parked = max(0.0, self._parked - seconds)
        moving = self._parked == 0.0
        if moving:
            self._drive(seconds)
        return Fix(
            time=time,
            lat=round(self._lat, 6),
            lon=round(self._lon, 6),
            altitude_m=25.0,
            speed_kmh=float(round(self._speed)) if moving else 0.0,
            course_deg=float(round(self._course)),
            satellites=self._random.randint(7, 14),
            hdop=0.9,
            ignition=moving or self._parked < 20,
            battery_pct=95,
            power_v=round(self._random.uniform(13.6, 14.2), 2) if moving else 12.4,
            odometer_km=round(self._odometer, 2),
            gsm=self._random.randint(3, 5),
        )

    @property
    def _course(self) -> float:
        return (self._quarter * 90 + GRID_BEARING) % 360

    def _drive(self, seconds: float) -> None:
        metres = self._speed / 3.6 * seconds
        angle = radians(self._course)
        north, east = cos(angle), cos(angle - radians(90))
        self._lat += metres * north / METRES_PER_DEGREE
        self._lon += metres * east / (METRES_PER_DEGREE * cos(radians(self._lat)))
        self._odometer += metres / 1000
        self._to_corner -= metres
        self._speed = min(60.0, max(12.0, self._speed + self._random.uniform(-4, 4)))
        if self._to_corner <= 0:
            self._turn()

    def _turn(self) -> None:
        self._to_corner = self._random.uniform(100, 600)
        if self._random.random() < 0.06:
            self._parked = self._random.uniform(15, 90)
        if self._is_astray():
            self._quarter = self._homeward()
        else:
            self._quarter = (self._quarter + self._random.choice((0, 0, 1, 3))) % 4

    def _is_astray(self) -> bool:
        return abs(self._lat - self._centre[0]) > 0.03 or abs(self._lon - self._centre[1]) > 0.03

    def _homeward(self) -> int:
        north, east = self._centre[0] - self._lat, self._centre[1] - self._lon
        if abs(north) > abs(east):
            return 0 if north > 0 else 2
        return 1 if east > 0 else 3
