"""Whose a connection is, by a pattern."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from waygps.interfaces import Verdict
from waygps.likely import by_pattern

PATTERN = re.compile(rb"(?:HELLO|BYE);\d{3,4};")
BEGINNINGS = [b"HELLO;000;", b"HELLO;0000;", b"BYE;000;", b"BYE;0000;"]


class PatternTests(SynchronousTestCase):
    def test_beginnings(self) -> None:
        """A device is waited for as long as its bytes can become a message, known when they are one, and nobody's before that."""
        for data, verdict in {
            b"": Verdict.MORE,
            b"HEL": Verdict.MORE,
            b"HELLO;12": Verdict.MORE,
            b"HELLO;1234": Verdict.MORE,
            b"HELLO;1234;": Verdict.YES,
            b"BYE;123;whatever follows": Verdict.YES,
            b"HELP": Verdict.NO,
            b"HELLO;12;": Verdict.NO,
            b"BYE;12345": Verdict.NO,
        }.items():
            assert by_pattern(PATTERN, BEGINNINGS, data) is verdict, data
