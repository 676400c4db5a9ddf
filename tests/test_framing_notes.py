"""What is lost between the messages of a connection, and said with the next one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.protocols.contract import run
from waygps.fix import Message
from waygps.framing import FrameDecoder


class Picky(FrameDecoder):
    """Lines of which those that begin with ? are nobody's."""

    def size(self, buffer: bytearray) -> int:
        return self.until(b"\n")

    def messages(self, frame: bytes) -> list[Message]:
        if frame[:1] == b"?":
            self.note("lines with a question")
            return []
        return [Message(device="1", warnings=("its own",))]


class NoteTests(SynchronousTestCase):
    def test_said_with_the_next_message(self) -> None:
        """What was lost is counted by its kind, and said once, with the next message and before its own warnings."""
        messages, reason = run(Picky(), [b"?\n?\nx\nx\n"])
        assert reason == ""
        assert [message.warnings for message in messages] == [("2 lines with a question", "its own"), ("its own",)]
