"""Writes a segment: the statement, and its arguments from the encoder's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from waygps.storage.compact import COLUMNS, Segment, Series

WIDE = 'ROW(%s::int[]::"char"[], %s::smallint[], %s::int[], %s::bigint[])::serie'
SERIES = (*COLUMNS, "raw_data")
INSERT = f"""
INSERT INTO posiciones_compactas (movil_id, dia, desde, hasta, fixes, caja, bases, unidades, {", ".join(SERIES)},
                                  numeros, escalas, textos, huella)
VALUES (%s, %s, timestamptz 'epoch' + %s * interval '1 microsecond', timestamptz 'epoch' + %s * interval '1 microsecond', %s,
        box(point(%s, %s), point(%s, %s)), %s::bigint[], %s::bigint[], {", ".join([WIDE] * 15)},
        ARRAY[{", ".join([WIDE] * 8)}], %s::smallint[], %s, %s::int[])
"""
_WIDTHS = ("uno", "dos", "cuatro", "ocho")


def arguments(which: Mapping[str, object], segment: Segment) -> list[object]:
    """The arguments of INSERT for this vehicle (``movil``) and day (``dia``)."""
    series = (*segment.columns, *segment.numbers)
    arrays = [array for column in series for array in _arrays(column)]
    return [
        which["movil"],
        which["dia"],
        segment.first,
        segment.last,
        segment.fixes,
        *segment.box,
        _literal([column.base for column in series]),
        _literal([column.unit for column in series]),
        *arrays,
        _literal(segment.scales),
        segment.texts,
        _literal(segment.marks),
    ]


def _arrays(column: Series) -> list[str | None]:
    return [_literal(column.numbers) if column.width == width else None for width in _WIDTHS]


def _literal(values: Iterable[int | None]) -> str:
    """An array literal made by hand: psycopg2's own adaptation of lists costs five times as much."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"
