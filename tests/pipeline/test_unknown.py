"""What becomes of a device that is not in moviles, by the rule of the receiver that it came to."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, FakeVehicles, FakeWriter, a_fix
from waygps.errors import StoreUnavailable
from waygps.fix import Message
from waygps.origin import Origin, Policy
from waygps.pipeline.pipeline import ACCEPTED, Pipeline, Receipt
from waygps.position import Parcel

PEER = "192.0.2.1:5000"


class FakeQuarantine:
    """Keeps what is to be kept; the test says what became of it."""

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.answers: list[Deferred[str]] = []

    def keep(self, parcel: Parcel) -> Deferred[str]:
        self.parcels.append(parcel)
        self.answers.append(Deferred())
        return self.answers[-1]


class UnknownTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.quarantine, self.writer = FakeQuarantine(), FakeWriter()
        self.pipeline = Pipeline(FakeVehicles(), self.writer, now=lambda: NOON / 1000, quarantine=self.quarantine)

    def submit(self, unknown: Policy, *fixes: object) -> Deferred[Receipt]:
        """A message of a device that nobody knows."""
        message = Message(device="nuevo", fixes=fixes, raw=b"raw")  # type: ignore[arg-type]
        return self.pipeline.submit(message, Origin("lines", "Lines TCP", unknown), PEER)

    def test_kept(self) -> None:
        """A device is told "received" when its report is in quarantine, judged as any other's, and not before."""
        receipt = self.submit("cuarentena", a_fix(), a_fix(lat=91.0))
        self.assertNoResult(receipt)
        (parcel,) = self.quarantine.parcels
        assert (len(parcel.positions), [refused.reason for refused in parcel.refused]) == (
            1,
            ["latitude 91.0 is outside -90..90"],
        )
        assert (parcel.vehicle.imei, parcel.message, parcel.origin.receiver, parcel.peer) == ("nuevo", b"raw", "Lines TCP", PEER)
        self.quarantine.answers[0].callback("")
        assert self.successResultOf(receipt) == ACCEPTED
        assert self.writer.written == []

    def test_no_room(self) -> None:
        """A device for which there is no room is refused with the reason, and keeps its report."""
        receipt = self.submit("cuarentena", a_fix())
        self.quarantine.answers[0].callback("the quarantine is full")
        assert self.successResultOf(receipt) == Receipt(False, "the quarantine is full")

    def test_refused(self) -> None:
        """Where unknown devices are refused nothing of them is kept."""
        receipt = self.successResultOf(self.submit("rechazar", a_fix()))
        assert receipt == Receipt(False, "device nuevo is not in the table moviles")
        assert self.quarantine.parcels == []

    def test_login_while_away(self) -> None:
        """A device that only logs in while PostgreSQL is away may go on, as the spool takes what it reports then."""
        receipt = self.submit("cuarentena")
        self.quarantine.answers[0].errback(StoreUnavailable("away"))
        assert self.successResultOf(receipt) == ACCEPTED
        assert self.writer.written == []

    def test_report_while_away(self) -> None:
        """A report that the quarantine cannot take goes to the store, whose spool takes it, with the rule it came under."""
        receipt = self.submit("cuarentena", a_fix())
        self.quarantine.answers[0].errback(StoreUnavailable("away"))
        (parcel,) = self.writer.written
        assert (parcel.vehicle.id, parcel.origin.unknown) == (0, "cuarentena")
        self.assertNoResult(receipt)
        self.writer.commit()
        assert self.successResultOf(receipt) == ACCEPTED
