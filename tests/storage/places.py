"""Places on the earth, and what a sphere in Python says of them."""

from __future__ import annotations

from collections.abc import Iterable
from math import asin, cos, radians, sin, sqrt
from random import Random

SPHEROID = 0.006
"""How far the sphere may be off: the earth's flattening makes 0.56 %."""
Place = tuple[float, float]

JFK, HEATHROW = (40.6, -73.8), (51.6, -0.5)
CITIES: dict[str, Place] = {
    "Buenos Aires": (-34.6037, -58.3816),
    "Córdoba": (-31.4201, -64.1888),
    "Rosario": (-32.9442, -60.6505),
    "Suva": (-18.1416, 178.4419),
    "Apia": (-13.8333, -171.7667),
    "Longyearbyen": (78.2232, 15.6267),
}


def metres(one: Place, other: Place) -> float:
    """The way between two places on a sphere of the earth's mean radius."""
    (lat1, lon1), (lat2, lon2) = one, other
    north, east = sin(radians(lat2 - lat1) / 2), sin(radians(lon2 - lon1) / 2)
    return 2 * 6_371_008.8 * asin(min(1.0, sqrt(north**2 + cos(radians(lat1)) * cos(radians(lat2)) * east**2)))


def is_within(place: Place, rectangle: tuple[float, float, float, float]) -> bool:
    """Whether the rectangle (south, west, north, east) holds the place."""
    south, west, north, east = rectangle
    width = east - west if east >= west else (east - west) % 360
    return south <= place[0] <= north and (width >= 360 or round((place[1] - west) % 360, 6) % 360 <= round(width, 6))


def scattered(random: Random, count: int) -> list[Place]:
    """Places all over the earth, many of them near the antimeridian, a pole, or a city."""
    made: list[Place] = [(90.0, 0.0), (-90.0, 77.0), (0.0, 180.0), (0.0, -180.0), (12.5, 180.0), (0.0, 0.0), (-34.6, -58.4)]
    while len(made) < count:
        lat, lon = random.uniform(-90, 90), random.uniform(-180, 180)
        near = random.choice(["city", "city", "antimeridian", "pole", "anywhere"])
        if near == "city":
            lat, lon = -34.6 + random.gauss(0, 0.1), -58.4 + random.gauss(0, 0.1)
        elif near == "antimeridian":
            lon = (random.gauss(180, 1) + 180) % 360 - 180
        elif near == "pole":
            lat = random.choice([-1, 1]) * (90 - abs(random.gauss(0, 0.5)))
        made.append((round(max(-90.0, min(90.0, lat)), 6), round(lon, 6)))
    return made


def rectangles(random: Random, places: list[Place]) -> Iterable[tuple[float, float, float, float]]:
    """Rectangles of all sizes, over the antimeridian, the poles, the whole earth, and with sides through a place."""
    yield from [(-90, -180, 90, 180), (-90, -180, -89, 180), (-1, 179, 1, -179), (-90, 179.999, 90, 181), (10, 0, -10, 5)]
    yield from [(-5, 180, 5, 180), (-40, -59, -30, -58), (80, 100, 90, 90), (-90, 10.003, 90, 10.002), (0, 0, 0, 0)]
    for _ in range(40):
        (south, west), (north, east) = random.choice(places), random.choice(places)
        yield min(south, north), west, max(south, north), east
        size = 10 ** random.uniform(-3, 1.5)
        yield south - size, west - size, south + size, west + size
