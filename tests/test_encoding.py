"""What simulated devices share that report in lines."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import a_fix
from waygps.encoding import LineEncoder, moment
from waygps.fix import Fix
from waygps.interfaces import IEncoder


class Encoder(LineEncoder):
    """Reports a latitude."""

    answered = ("udp",)

    def line(self, fix: Fix) -> bytes:
        return f"{self.device} {fix.lat};".encode()


class LineEncoderTests(SynchronousTestCase):
    def test_report(self) -> None:
        """A simulated device reports each fix in a line of its own, without a greeting before."""
        encoder = Encoder("12", "tcp")
        verifyObject(IEncoder, encoder)
        assert encoder.hello() == b""
        assert encoder.report((a_fix(lat=1.5), a_fix(lat=-2.0))) == b"12 1.5;12 -2.0;"

    def test_answers(self) -> None:
        """A simulated device waits for answers only over the transports that have them: both, unless its protocol says which."""
        assert [Encoder("12", transport).is_answered for transport in ("tcp", "udp")] == [False, True]
        assert [LineEncoder("12", transport).is_answered for transport in ("tcp", "udp")] == [True, True]

    def test_line_is_the_vendors(self) -> None:
        """A vendor that says no line is told so when it is simulated."""
        with self.assertRaises(NotImplementedError):
            LineEncoder("12", "tcp").report((a_fix(),))

    def test_moment(self) -> None:
        """The time of a report has its milliseconds; one that has none begins with the epoch."""
        assert moment(a_fix(time=1_767_225_600_250)) == datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
        assert moment(a_fix(time=None)) == datetime(1970, 1, 1, tzinfo=UTC)
