"""The column raw_data of a segment: few different texts, however many fixes.

Documents of one device differ little. Each different one is kept once; where that would still be too many, the numbers that vary
most are taken out of them into columns of their own, and what remains is a template.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from waygps.storage.document_parts import GAP, Document, Label, decimals, left_out, numbered, parts_of, scaled

SLOTS = 4
"""Numbers kept as steps, and as many that are not."""
DIGITS = 17
"""The most digits of a number that is taken out: it has to fit into a bigint."""
ENOUGH = 24
"""So many rows to one text are few texts."""


class Documents(Struct, frozen=True):
    """The documents of a segment."""

    places: list[int | None]
    """For each row n >= 0: value n of ``texts``; -1 - n: template n of it; None: no document."""
    stepped: list[list[int]]
    plain: list[list[int]]
    scales: tuple[int, ...]
    """Decimals of the numbers in ``stepped``, SLOTS of them, and of those in ``plain``."""
    texts: str | None


class _Column(Struct, frozen=True):
    """A number that was taken out, one value a row; ``place`` is the argument of format() that puts it back."""

    label: Label
    scale: int
    values: list[int]
    place: int


def condense(texts: Sequence[str | None]) -> Documents:
    """The documents, given as PostgreSQL writes jsonb, in their compact form."""
    different = {text for text in texts if text is not None}
    if len(different) * ENOUGH <= len(texts) or len(different) < 2:
        return _written(texts, {text: (text, False) for text in different}, [])
    parts = parts_of(different)
    columns = _columns(texts, parts, _chosen(parts, len(texts)))
    return _written(texts, _templates(parts, columns), columns)


def _written(texts: Sequence[str | None], forms: dict[str, tuple[str, bool]], columns: list[_Column]) -> Documents:
    """``forms``: what is kept of each text, and whether that is a template."""
    places: dict[tuple[str, bool], int] = {}
    row_places = [None if text is None else places.setdefault(forms[text], len(places)) for text in texts]
    templates = [is_template for _, is_template in places]
    kept = [json.dumps(text, ensure_ascii=False) if is_template else text for text, is_template in places]
    by_place = {column.place: column for column in columns}
    numbers = [by_place.get(place) for place in range(2 * SLOTS)]
    values = [column.values if column else [] for column in numbers]
    return Documents(
        [None if place is None else -1 - place if templates[place] else place for place in row_places],
        values[:SLOTS],
        values[SLOTS:],
        tuple(column.scale if column else 0 for column in numbers),
        f"[{','.join(kept)}]" if kept else None,
    )


def _chosen(parts: dict[str, Document], rows: int) -> list[Label]:
    """The numbers to take out: those with the most different values, until the texts are few or the slots used up."""
    values: dict[Label, set[str]] = {}
    for document in parts.values():
        for label, number in numbered(document):
            values.setdefault(label, set()).add(number)
    able = [label for label, numbers in values.items() if len(numbers) > 1 and _fits(numbers)]
    able.sort(key=lambda label: len(values[label]), reverse=True)
    for count in range(1, 2 * SLOTS):
        if len({_key(document, able[:count]) for document in parts.values()}) * ENOUGH <= rows:
            return able[:count]
    return able[: 2 * SLOTS]


def _key(document: Document, chosen: Sequence[Label]) -> tuple[object, ...]:
    return (document.shape.skeleton, *[None if label in chosen else number for label, number in numbered(document)])


def _fits(numbers: set[str]) -> bool:
    scale = max(len(decimals(number)) for number in numbers)
    whole = max(len(number.partition(".")[0].lstrip("-")) for number in numbers)
    return scale + whole <= DIGITS


def _columns(texts: Sequence[str | None], parts: dict[str, Document], chosen: Sequence[Label]) -> list[_Column]:
    """The numbers of ``chosen``, each in the half of the slots that suits it while that has room."""
    free = {True: list(range(SLOTS)), False: list(range(SLOTS, 2 * SLOTS))}
    columns = []
    for label in chosen:
        found = {text: dict(numbered(document)).get(label) for text, document in parts.items()}
        scale = max(len(decimals(number)) for number in found.values() if number is not None)
        whole = {text: None if number is None else scaled(number, scale) for text, number in found.items()}
        values = _filled([None if text is None else whole[text] for text in texts])
        room = free[_is_steady(values)] or free[not _is_steady(values)]
        columns.append(_Column(label, scale, values, room.pop(0)))
    return columns


def _filled(values: Sequence[int | None]) -> list[int]:
    """The values, and where there is none the one before, so that every row has a number."""
    last = next(value for value in values if value is not None)
    return [last := last if value is None else value for value in values]


def _is_steady(values: Sequence[int]) -> bool:
    """Whether the steps from row to row are much smaller than the values' own range, as a counter's are."""
    steps = sum(abs(later - earlier) for earlier, later in pairwise(values))
    return steps * 8 < (max(values) - min(values)) * len(values)


def _templates(parts: dict[str, Document], columns: Sequence[_Column]) -> dict[str, tuple[str, bool]]:
    """For each text its template, as format() takes it; or itself where none of its numbers was taken out."""
    places = {column.label: column.place + 1 for column in columns}
    return {
        text: (_template(document, places), True) if places.keys() & set(document.shape.labels) else (text, False)
        for text, document in parts.items()
    }


def _template(document: Document, places: dict[Label, int]) -> str:
    first, *texts = document.shape.skeleton.replace("%", "%%").split(GAP)
    pieces = [
        (f"%{places[label]}$s{left_out(number)}" if label in places else number) + text
        for (label, number), text in zip(numbered(document), texts, strict=True)
    ]
    return first + "".join(pieces)
