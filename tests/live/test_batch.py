"""What many clients get is written once."""

from __future__ import annotations

from unittest.mock import patch

from msgspec import json
from twisted.trial.unittest import SynchronousTestCase

from tests.live.telling import an_update, frames, texts
from waygps.live import batch as batching
from waygps.live.batch import MOST_ROWS, Batch, Form
from waygps.live.frames import text_frame
from waygps.live.subscription import Subscription
from waygps.live.update import Said

STATE = json.encode({"type": "mobile_status", "mobile_id": 2, "status": "error"})


def only(*vehicles: int) -> Subscription:
    """A client that named these."""
    subscription = Subscription()
    for vehicle in vehicles:
        subscription.add(vehicle)
    return subscription


class BatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.batch = Batch([an_update(1), Said(2, STATE), an_update(2), an_update(3)])

    def test_same_bytes_for_all(self) -> None:
        """A thousand clients that want the same get the very same bytes, encoded once in each form."""
        with patch.object(batching, "text_frame", wraps=text_frame) as written:
            for form in (Form(), Form(compact=True), Form(compact=True, bits=15)):
                first = self.batch.wire(form, Subscription())
                assert all(self.batch.wire(form, Subscription()) is first for _ in range(1000))
        assert written.call_count == 4 + 2 + 2

    def test_plain(self) -> None:
        """A client that asks for nothing gets a gps_update for each vehicle, and the states after them."""
        messages = texts(self.batch.wire(Form(), Subscription()))
        assert [(message["type"], message["mobile_id"]) for message in messages] == [
            ("gps_update", 1),
            ("gps_update", 2),
            ("gps_update", 3),
            ("mobile_status", 2),
        ]

    def test_compact(self) -> None:
        """The compact form has all vehicles in one message."""
        batch, state = texts(self.batch.wire(Form(compact=True), Subscription()))
        assert [row[0] for row in batch["updates"]] == [1, 2, 3]
        assert state == json.decode(STATE)

    def test_own_selection(self) -> None:
        """A client with a selection of its own gets that in either form, and nothing where it wants none of it."""
        for form in (Form(), Form(compact=True)):
            text = str(texts(self.batch.wire(form, only(3, 9))))
            assert "A3" in text
            assert "A1" not in text
            assert self.batch.wire(form, only(9)) == b""

    def test_only_states(self) -> None:
        """Where nothing moved there is no empty gps_batch."""
        (message,) = texts(Batch([Said(2, STATE)]).wire(Form(compact=True), Subscription()))
        assert message["type"] == "mobile_status"

    def test_size_of_a_message(self) -> None:
        """Ten thousand vehicles come in several messages, none of them of a size that a client would refuse."""
        wire = Batch([an_update(number) for number in range(3 * MOST_ROWS + 1)]).wire(Form(compact=True), Subscription())
        sizes = [len(message["updates"]) for message in texts(wire)]
        assert sizes == [MOST_ROWS, MOST_ROWS, MOST_ROWS, 1]
        assert max(len(payload) for _, payload in frames(wire)) < 300_000

    def test_compressed(self) -> None:
        """What all get is compressed for those who take it, to a fraction; the text is the same."""
        batch = Batch([an_update(number) for number in range(1000)])
        wire = batch.wire(Form(compact=True), Subscription())
        compressed = batch.wire(Form(compact=True, bits=15), Subscription())
        assert texts(compressed) == texts(wire)
        assert len(compressed) < len(wire) / 3

    def test_small_windows(self) -> None:
        """A client with little memory can read it too."""
        payload = json.encode(list(range(5000)))
        for bits in range(9, 16):
            assert list(frames(text_frame(payload, bits))) == [(1, payload)]

    def test_lengths(self) -> None:
        """Messages of every length are framed as the protocol wants it."""
        for length in (0, 1, 125, 126, 127, 65_535, 65_536, 70_000):
            assert list(frames(text_frame(b"x" * length))) == [(1, b"x" * length)]
