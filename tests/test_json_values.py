"""Values of JSON and of URLs, which can be of any type, as readers and Reading take them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from waygps.errors import DecodeError
from waygps.readers import number, shallow, unix_or_iso
from waygps.reading import Reading
from waygps.request import request


def nested(depth: int) -> Any:
    """So many lists in each other."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class ValueTests(SynchronousTestCase):
    def test_times(self) -> None:
        """A time is read as seconds, milliseconds or ISO 8601, by what it looks like."""
        for raw, expected in (
            ("1377177267", "2013-08-22T13:14:27Z"),
            (1377177267, "2013-08-22T13:14:27Z"),
            ("1377177267.25", "2013-08-22T13:14:27.25Z"),
            ("1442068686579", "2015-09-12T14:38:06.579Z"),
            ("2016-01-27T18:55:47-03:00", "2016-01-27T21:55:47Z"),
            (" 2016-01-27 18:55:47 ", "2016-01-27T18:55:47Z"),
        ):
            assert unix_or_iso(raw) == round(datetime.fromisoformat(expected).timestamp() * 1000), raw
        wrong: list[Any] = ["", "noon", "9" * 30, "1e12", "2016-13-01T00:00:00", True, [], None, float("nan")]
        for each in wrong:
            self.assertRaises(ValueError, unix_or_iso, each)

    def test_true_is_no_number(self) -> None:
        """A speed of true is not one of 1 km/h."""
        for raw in (True, False):
            self.assertRaises(ValueError, number(), raw)

    def test_depth(self) -> None:
        """A value is kept unless lists and objects are in each other without end."""
        for value in (1, None, "x", [1, {"a": [2]}], nested(3)):
            assert shallow(value) is value
        for value in (nested(4), {"a": {"b": {"c": {}}}}):
            self.assertRaises(ValueError, shallow, value)

    def test_wrong_types(self) -> None:
        """A value of a type that a reader cannot take costs itself, with a warning."""
        reading = Reading()
        wrong: list[Any] = [[], {}, [1]]
        for raw in wrong:
            reading.put("speed_kmh", raw, number())
        reading.need("lat", {"x": 1}, number())
        assert (reading.fields, len(reading.warnings)) == ({}, 3)
        assert reading.unreadable == "lat cannot be {'x': 1}"

    def test_kept_by_name(self) -> None:
        """What a device calls by the name of one of our fields is its own all the same."""
        reading = Reading()
        reading.keep("speed_kmh", "fast")
        reading.keep("deep", nested(9))
        assert (reading.fields, reading.attributes) == ({}, {"speed_kmh": "fast"})
        assert reading.warnings == ["deep is nested too deeply"]


class RequestTests(SynchronousTestCase):
    def test_parts(self) -> None:
        """A vendor sees the parameters decoded, names of headers in lower case, and the method in upper."""
        made = request("post", "/a/b?x=1&x=%C3%A9&empty=", {"X-Limit-U": "Jane"}, b"p=q+r")
        assert (made.method, made.path, made.query) == ("POST", "/a/b", {"x": ["1", "é"]})
        assert (made.headers, made.form()) == ({"x-limit-u": "Jane"}, {"p": ["q r"]})

    def test_for_people(self) -> None:
        """What is kept of a request says its method, URL and body."""
        assert request("GET", "/").raw == b"GET /"
        assert request("POST", "/x?a=1&a=2&b=%C3%A9", {}, b"{}").raw == b"POST /x?a=1&a=2&b=%C3%A9\r\n\r\n{}"

    def test_no_url(self) -> None:
        """A URL that is none is refused with the reason."""
        error = self.assertRaises(DecodeError, request, "GET", "http://[x")
        assert str(error).startswith("the URL cannot be read")
