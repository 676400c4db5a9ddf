"""A JSON document in parts: what it says without its numbers, and the numbers. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?')
GAP = "\0"
"""Stands for a number; JSON as PostgreSQL writes it has no such character."""
Label = tuple[str, int]
"""Which number of a document this is: the last text before it, and how many numbers ago."""


class Shape(Struct, frozen=True):
    """A document without its numbers."""

    skeleton: str
    labels: tuple[Label, ...]


class Document(Struct, frozen=True):
    """A document in parts."""

    shape: Shape
    numbers: tuple[str, ...]


def parts_of(texts: set[str]) -> dict[str, Document]:
    """Each text in parts; texts that differ in their numbers only share a shape."""
    shapes: dict[str, Shape] = {}
    return {text: _part(text, shapes) for text in texts}


def _part(text: str, shapes: dict[str, Shape]) -> Document:
    tokens = _TOKENS.findall(text)
    numbers = tuple([token for token in tokens if token[0] != '"'])
    skeleton = _TOKENS.sub(lambda found: found[0] if found[0][0] == '"' else GAP, text)
    if skeleton not in shapes:
        shapes[skeleton] = Shape(skeleton, _labels(tokens))
    return Document(shapes[skeleton], numbers)


def _labels(tokens: Sequence[str]) -> tuple[Label, ...]:
    labels: list[Label] = []
    used: Counter[str] = Counter()
    text = ""
    for token in tokens:
        if token[0] == '"':
            text = token
        else:
            labels.append((text, used[text]))
            used[text] += 1
    return tuple(labels)


def numbered(document: Document) -> Iterable[tuple[Label, str]]:
    """The numbers of a document, each with its label."""
    return zip(document.shape.labels, document.numbers, strict=True)


def decimals(number: str) -> str:
    """The decimals of a number, without the zeros at their end."""
    return number.partition(".")[2].rstrip("0")


def scaled(number: str, scale: int) -> int:
    """The number in units of 10 ** -scale; it has no more decimals than that, but for zeros."""
    whole, _, after = number.partition(".")
    return int(whole + after[:scale].ljust(scale, "0"))


def left_out(number: str) -> str:
    """What decimal_corto() leaves out of a number: the zeros at the end of its decimals."""
    _, point, after = number.partition(".")
    short = after.rstrip("0")
    return after[len(short) :] if short else point + after
