"""The compact form of a vehicle's day: its fixes column by column. Pure; descompactar() of the schema is the way back.

A column is a base, a unit (the greatest one that divides everything) and small whole numbers, in the narrowest array that holds
them. Where the numbers are near those of the row before, the steps from row to row are kept, which are smaller still.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import gcd
from typing import NamedTuple

from msgspec import Struct

from waygps.storage.documents import Documents, condense

Values = Sequence[int | None]
WIDTHS = ((1 << 8, "uno"), (1 << 16, "dos"), (1 << 32, "cuatro"))
"""How many different steps fit into which array of a serie; anything wider is in ``ocho``, as it is."""


class Row(NamedTuple):
    """One fix as whole numbers, in the units of posiciones_compactas; ``raw_data`` as PostgreSQL writes it."""

    id: int
    latitud: int
    longitud: int
    altitud: int | None
    velocidad: int | None
    rumbo: int | None
    satelites: int | None
    hdop: int | None
    ignicion: int
    bateria: int | None
    odometro: int | None
    fecha_gps: int
    fecha_recepcion: int
    calidad_datos: int
    raw_data: str | None
    huella: int


STEPPED = {"id", "latitud", "longitud", "altitud", "odometro", "fecha_gps", "fecha_recepcion"}
"""The columns that are kept as steps from row to row."""
COLUMNS = Row._fields[:14]


class Series(Struct, frozen=True):
    """One column of a segment. ``unit`` 0: it is ``base`` in every row; None: the values are ``numbers``."""

    base: int | None
    unit: int | None
    width: str = ""
    """The array of the type serie that has the numbers."""
    numbers: Values = ()


class Segment(Struct, frozen=True):
    """The fixes of one vehicle and day."""

    fixes: int
    first: int
    """Microseconds since 1970 UTC of the first fix, and of the last."""
    last: int
    box: tuple[float, float, float, float]
    """West, south, east, north, degrees."""
    columns: tuple[Series, ...]
    """The 15 columns of the table that are a serie, in its order."""
    numbers: tuple[Series, ...]
    """The numbers that were taken out of the documents."""
    scales: tuple[int, ...]
    texts: str | None
    """The JSON array of documents and templates."""
    marks: tuple[int, ...]


def encode(rows: Iterable[Row]) -> Segment:
    """The segment of these fixes, of which there is at least one; they may come in any order."""
    ordered = sorted(rows, key=lambda row: (row.fecha_gps, row.id, row.huella))
    columns = dict(zip(Row._fields, zip(*ordered, strict=True), strict=True))
    documents = condense(columns["raw_data"])
    series = [stepped(columns[name]) if name in STEPPED else plain(columns[name]) for name in COLUMNS]
    return Segment(
        fixes=len(ordered),
        first=ordered[0].fecha_gps,
        last=ordered[-1].fecha_gps,
        box=_box(columns["longitud"], columns["latitud"]),
        columns=(*series, plain(documents.places)),
        numbers=_numbers(documents),
        scales=documents.scales,
        texts=documents.texts,
        marks=columns["huella"],
    )


def _numbers(documents: Documents) -> tuple[Series, ...]:
    return (*map(stepped, documents.stepped), *map(plain, documents.plain))


def _box(longitudes: Sequence[int], latitudes: Sequence[int]) -> tuple[float, float, float, float]:
    west, south, east, north = min(longitudes), min(latitudes), max(longitudes), max(latitudes)
    return west / 1e6, south / 1e6, east / 1e6, north / 1e6


def plain(values: Values) -> Series:
    """The column as distances from a base."""
    known = [value for value in values if value is not None]
    if len(set(values)) < 2:
        return Series(known[0] if known else None, 0)
    low, high = min(known), max(known)
    unit = gcd(*[value - low for value in known]) or 1
    reach = (high - low) // unit + 1
    for room, width in WIDTHS:
        if reach <= room:
            # Numbers around 0 use the whole room, small ones are left as they are: they compress better.
            base = low if reach <= room // 2 else low + unit * (room // 2)
            return Series(base, unit, width, [None if value is None else (value - base) // unit for value in values])
    return Series(0, None, "ocho", values)


def stepped(values: Values) -> Series:
    """The column as steps from each known value to the next; the first step, from the base, is 0."""
    known = [value for value in values if value is not None]
    if len(set(values)) < 2:
        return Series(known[0] if known else None, 0)
    steps = [later - earlier for earlier, later in pairwise(known)]
    unit = gcd(*steps) or 1
    low, high = min(steps, default=0) // unit, max(steps, default=0) // unit
    for room, width in WIDTHS:
        if -room // 2 <= low and high < room // 2:
            following = iter([0, *[step // unit for step in steps]])
            return Series(known[0], unit, width, [None if value is None else next(following) for value in values])
    return Series(0, None, "ocho", values)
