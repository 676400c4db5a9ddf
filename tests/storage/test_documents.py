"""The documents of a day, however many different numbers are in them, become few texts."""

from __future__ import annotations

import json

from waygps.storage.document_parts import left_out, numbered, parts_of, scaled
from waygps.storage.documents import ENOUGH, condense


def test_few_documents() -> None:
    """Where there are few different documents each is kept once, as it is."""
    texts = ['{"gsm": 3}', '{"gsm": 4}', None] * ENOUGH
    found = condense(texts)
    assert found.texts == '[{"gsm": 3},{"gsm": 4}]'
    assert found.places == [0, 1, None] * ENOUGH
    assert (found.stepped, found.plain) == ([[]] * 4, [[]] * 4)


def test_no_documents() -> None:
    """Rows without a document have no texts at all."""
    assert (condense([None, None]).texts, condense([None, None]).places) == (None, [None, None])


def test_counter_and_voltage() -> None:
    """Numbers that differ from fix to fix are taken out, a counter as steps, a voltage not; one template remains."""
    texts = [f'{{"v": {12 + n * 7 % 10}.5, "total": {10**12 + n}}}' for n in range(100)]
    found = condense(texts)
    assert found.places == [-1] * 100
    assert json.loads(found.texts or "") == ['{"v": %5$s, "total": %1$s}']
    assert found.stepped[0] == [10**12 + n for n in range(100)]
    assert found.plain[0] == [125 + n * 7 % 10 * 10 for n in range(100)]
    assert found.scales == (0, 0, 0, 0, 1, 0, 0, 0)


def test_missing_number() -> None:
    """A document without a number that others have repeats the one before in its column, and has a text of its own."""
    found = condense(['{"total": 7}', '{"alarma": "50%"}', '{"total": 9, "alarma": "50%"}'])
    assert found.stepped[0] + found.plain[0] == [7, 7, 9]
    assert found.places == [-1, 1, -3]
    assert json.loads(found.texts or "") == ['{"total": %5$s}', {"alarma": "50%"}, '{"total": %5$s, "alarma": "50%%"}']


def test_numbers_in_texts_are_left_alone() -> None:
    """Digits within a text are text, whatever is escaped in it; keys tell the numbers apart."""
    (document,) = parts_of({r'{"a1": "x\"7\\", "b": [1, -2.50, {"c": 3}], "d": "4"}'}).values()
    assert document.shape.skeleton == r'{"a1": "x\"7\\", "b": [' + '\0, \0, {"c": \0}], "d": "4"}'
    assert list(numbered(document)) == [(('"b"', 0), "1"), (('"b"', 1), "-2.50"), (('"c"', 0), "3")]


def test_decimals() -> None:
    """A number is put back with just the zeros that it had."""
    for number, scale, whole, rest in (
        ("13.9", 2, 1390, ""),
        ("14.0", 2, 1400, ".0"),
        ("13.90", 1, 139, "0"),
        ("-0.50", 1, -5, "0"),
        ("100", 0, 100, ""),
        ("0.000", 0, 0, ".000"),
    ):
        assert (scaled(number, scale), left_out(number)) == (whole, rest), number


def test_too_many_numbers() -> None:
    """Of more numbers than there are columns the most varied are taken out, and numbers too long for one stay in the text."""
    texts = [json.dumps({"long": 10**30 + n, **{f"k{key}": n % (key + 2) for key in range(12)}}) for n in range(50)]
    found = condense(texts)
    assert all(len(column) == 50 for column in found.stepped + found.plain)
    templates = json.loads(found.texts or "")
    assert all('"k11": %' in template and '"k0": %' not in template for template in templates)
    assert str(10**30) in templates[0]
