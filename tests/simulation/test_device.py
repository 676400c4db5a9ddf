"""A simulated device between its route and the server."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from waygps.fix import Fix
from waygps.interfaces import IEncoder
from waygps.simulation.device import MEMORY, PATIENCE, SimulatedDevice
from waygps.simulation.route import Route

NOW = 1_795_521_600.0


@implementer(IEncoder)
class FakeEncoder:
    """A protocol that is the list of the times."""

    most_fixes = 20
    is_answered = True

    def hello(self) -> bytes:
        return b"hello"

    def report(self, fixes: tuple[Fix, ...]) -> bytes:
        return b",".join(b"%d" % ((fix.time or 0) // 1000 - int(NOW)) for fix in fixes)


class SimulatedDeviceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.device = SimulatedDevice(FakeEncoder(), Route(1))

    def tick(self, second: int) -> bytes:
        return self.device.tick(1, NOW + second)

    def test_interface(self) -> None:
        """The stand-in is a device's side of a protocol."""
        verifyObject(IEncoder, FakeEncoder())

    def test_reports_and_is_answered(self) -> None:
        """A device greets, reports its fix, and counts it when the server has answered."""
        assert self.device.connected() == b"hello"
        assert self.tick(0) == b"0"
        assert self.device.acknowledged == 0
        self.device.answered()
        assert self.device.acknowledged == 1
        assert self.tick(1) == b"1"

    def test_waits_for_the_answer(self) -> None:
        """Without an answer nothing more is sent; what was taken meanwhile follows in one report."""
        self.tick(0)
        assert [self.tick(second) for second in (1, 2)] == [b"", b""]
        self.device.answered()
        assert self.tick(3) == b"1,2,3"

    def test_protocol_without_answers(self) -> None:
        """A device that is never answered reports each fix once."""
        encoder = FakeEncoder()
        encoder.is_answered = False
        self.device = SimulatedDevice(encoder, Route(1))
        assert [self.tick(second) for second in range(3)] == [b"0", b"1", b"2"]

    def test_sends_again(self) -> None:
        """A report that is not answered for long is sent again, with what came since."""
        self.tick(0)
        assert self.tick(int(PATIENCE) - 1) == b""
        assert self.tick(int(PATIENCE)) == b"0,%d,%d" % (PATIENCE - 1, PATIENCE)

    def test_new_connection(self) -> None:
        """What a lost connection left unanswered is sent again on the next."""
        self.tick(0)
        self.device.connected()
        assert self.tick(1) == b"0,1"
        self.device.answered()
        assert self.device.acknowledged == 2

    def test_answer_to_the_greeting(self) -> None:
        """The answer to the greeting acknowledges nothing."""
        self.device.connected()
        self.device.answered()
        assert self.device.acknowledged == 0
        assert self.tick(0) == b"0"

    def test_long_outage(self) -> None:
        """After a long outage a device sends its memory piece by piece, the oldest first, and its memory has an end."""
        self.tick(0)
        for second in range(1, MEMORY + 100):
            self.tick(second)
        self.device.connected()
        report = self.tick(1000)
        assert report == b",".join(b"%d" % second for second in range(FakeEncoder.most_fixes))
        for _ in range(MEMORY // FakeEncoder.most_fixes + 1):
            self.device.answered()
            report = self.tick(1001)
        assert self.device.acknowledged >= MEMORY
