"""One message on its way, with stand-ins for the database."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, FakeVehicles, FakeWriter, a_fix, logged
from waygps.errors import StoreUnavailable
from waygps.fix import Message
from waygps.origin import Origin
from waygps.pipeline.pipeline import ACCEPTED, Pipeline, Receipt
from waygps.position import Position, Vehicle

VAN = Vehicle(7, "A1", "AB123CD")


class PipelineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.vehicles, self.writer = FakeVehicles(VAN), FakeWriter()
        self.heard: list[tuple[Vehicle, list[int]]] = []
        self.pipeline = self.make(self.hear)

    def make(self, *listeners: object) -> Pipeline:
        return Pipeline(self.vehicles, self.writer, listeners, now=lambda: NOON / 1000)  # type: ignore[arg-type]

    def hear(self, vehicle: Vehicle, positions: Sequence[Position]) -> None:
        self.heard.append((vehicle, [position.time for position in positions]))

    def submit(self, *fixes: object) -> Deferred[Receipt]:
        return self.pipeline.submit(Message(device="A1", fixes=fixes, raw=b"raw"), Origin("lines"))  # type: ignore[arg-type]

    def test_all_the_way(self) -> None:
        """A fix is stored as a position of its vehicle, with quality, reception and protocol, and only then acknowledged."""
        receipt = self.submit(a_fix(NOON - 5_000, satellites=9, hdop=1.0))
        self.assertNoResult(receipt)
        assert self.heard == []
        (parcel,) = self.writer.written
        (stored,) = parcel.positions
        assert (parcel.vehicle, parcel.refused, parcel.message) == (VAN, [], b"raw")
        assert (stored.vehicle, stored.time, stored.received, stored.quality) == (VAN, NOON - 5_000, NOON, "excelente")
        assert '"protocolo":"lines"' in stored.raw
        self.writer.commit(moved=[7])
        assert self.successResultOf(receipt) == ACCEPTED
        assert self.heard == [(VAN, [NOON - 5_000])]

    def test_vehicle_looked_up(self) -> None:
        """A device seen for the first time waits for its vehicle, and its fix is written then."""
        found: Deferred[Vehicle | None] = Deferred()
        self.vehicles.pending["A1"] = found
        receipt = self.submit(a_fix())
        assert self.writer.written == []
        found.callback(VAN)
        self.writer.commit()
        assert self.successResultOf(receipt) == ACCEPTED

    def test_unknown_device(self) -> None:
        """A device that is not in moviles is refused by name, and nothing of it is stored."""
        receipt = self.pipeline.submit(Message(device="B2", fixes=(a_fix(),)), Origin("lines"))
        assert self.successResultOf(receipt) == Receipt(False, "device B2 is not in the table moviles")
        assert self.writer.written == []

    def test_impossible_device(self) -> None:
        """What cannot be an identification is refused without asking the database."""
        receipt = self.successResultOf(self.pipeline.submit(Message(device="no such", fixes=(a_fix(),)), Origin("lines")))
        assert not receipt.accepted
        assert receipt.reason.startswith("'no such' is not an identification")
        assert self.vehicles.asked == []

    def test_nothing_to_store(self) -> None:
        """A heartbeat of a known device is answered without a write."""
        assert self.successResultOf(self.submit()) == ACCEPTED
        assert self.writer.written == []

    def test_refused_fix_set_apart(self) -> None:
        """A fix that cannot be is kept apart with the reason and the bytes, beside the good one of the same message."""
        with logged() as lines:
            receipt = self.submit(a_fix(lat=91.0), a_fix())
        (parcel,) = self.writer.written
        (apart,) = parcel.refused
        assert [position.fix.lat for position in parcel.positions] == [-34.6]
        assert (apart.device, apart.reason, apart.message) == ("A1", "latitude 91.0 is outside -90..90", b"raw")
        assert lines == ["A1: set apart: latitude 91.0 is outside -90..90 (1 in this message)"]
        self.writer.commit()
        assert self.successResultOf(receipt) == ACCEPTED

    def test_impossible_value_dropped(self) -> None:
        """A speed that cannot be is left out of the row and said in the log; the fix is stored."""
        with logged() as lines:
            self.submit(a_fix(speed_kmh=9_999.0))
        assert self.writer.written[0].positions[0].fix.speed_kmh is None
        assert lines == ["A1: speed_kmh 9999.0 is outside 0..2000 and was dropped"]

    def test_identity_is_what_was_reported(self) -> None:
        """Two reports of one second that differ only in an impossible value are two rows, each known when it comes again."""
        self.submit(a_fix(speed_kmh=9_999.0), a_fix(speed_kmh=8_888.0), a_fix(speed_kmh=9_999.0))
        one, other, again = (position.fingerprint for position in self.writer.written[0].positions)
        assert one == again != other

    def test_without_time(self) -> None:
        """A fix without a time is stored at its reception, and the row says so."""
        self.submit(a_fix(None))
        stored = self.writer.written[0].positions[0]
        assert stored.time == NOON
        assert '"hora":"recepcion"' in stored.raw

    def test_store_unavailable(self) -> None:
        """A write that fails is no acknowledgement, and nobody hears of it."""
        receipt = self.submit(a_fix())
        self.writer.commits[0].errback(StoreUnavailable())
        self.failureResultOf(receipt, StoreUnavailable)
        assert self.heard == []

    def test_message_that_cannot_be_read(self) -> None:
        """A message whose report cannot be read is acknowledged only when it is kept, whole and with the reason."""
        message = Message(device="A1", raw=b"+RESP", unreadable="the position is unreadable")
        receipt = self.pipeline.submit(message, Origin("lines"))
        self.assertNoResult(receipt)
        (parcel,) = self.writer.written
        (apart,) = parcel.refused
        assert (parcel.positions, apart.reason, apart.message, apart.fix) == ([], "the position is unreadable", b"+RESP", "{}")
        self.writer.commit()
        assert self.successResultOf(receipt) == ACCEPTED

    def test_listener_only_when_moved(self) -> None:
        """A late or repeated fix is acknowledged without moving anything on a map."""
        receipt = self.submit(a_fix())
        self.writer.commit(moved=[8])
        assert self.successResultOf(receipt) == ACCEPTED
        assert self.heard == []

    def test_listener_not_told_of_refused(self) -> None:
        """A message of nothing but impossible fixes moves nothing, though another one of its batch did."""
        self.submit(a_fix(lat=91.0))
        self.writer.commit(moved=[7])
        assert self.heard == []

    def test_listener_fault(self) -> None:
        """A listener with a bug costs neither the acknowledgement nor the next listener's news."""

        def broken(vehicle: Vehicle, positions: Sequence[Position]) -> None:
            raise RuntimeError("a bug")

        self.pipeline = self.make(broken, self.hear)
        receipt = self.submit(a_fix())
        self.writer.commit(moved=[7])
        assert self.successResultOf(receipt) == ACCEPTED
        assert len(self.heard) == 1
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    @given(st.integers() | st.integers(2**63, 2**80), st.integers() | st.integers(2**63, 2**80))
    def test_any_number(self, time: int, gsm: int) -> None:
        """No number that a device can send, however large, stops its message: it is stored, or set apart with a reason."""
        self.writer = FakeWriter()
        self.pipeline = self.make()
        self.submit(a_fix(time, gsm=gsm, attributes={"x": gsm}))
        (parcel,) = self.writer.written
        assert len(parcel.positions) + len(parcel.refused) == 1
