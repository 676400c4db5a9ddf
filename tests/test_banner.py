"""What a person reads when the server has started."""

from __future__ import annotations

from msgspec import Struct
from twisted.trial.unittest import SynchronousTestCase

from waygps.banner import banner, framed
from waygps.config import Configuration, Web
from waygps.storage.receivers import Receiver


class Opened(Struct):
    """A receiver that was opened, or not."""

    receiver: Receiver
    fault: str = ""


RECEIVERS = [
    Opened(Receiver(1, "Teltonika TCP", "teltonika", 8080, "TCP")),
    Opened(Receiver(2, "Generic UDP", "generic", 8082, "UDP"), "Address already in use"),
]


class BannerTests(SynchronousTestCase):
    def test_block(self) -> None:
        """One block says where the map is, how to log in, what to point a device at, and what is not open."""
        text = banner(Configuration(simulate=20), RECEIVERS, "user admin, password x", "")
        for expected in (
            "Map       http://localhost:8000/ ",
            "Login     user admin, password x",
            "Teltonika TCP            TCP 8080 ",
            "Generic UDP              UDP 8082   NOT OPEN: Address already in use",
            "20 simulated vehicles",
        ):
            assert expected in text, expected

    def test_what_is_not(self) -> None:
        """Without a simulated fleet nothing is said of one; a web port that is not open is no address to try."""
        text = banner(Configuration(web=Web(port=9000, interface="10.0.0.5")), [], "", "web: Address already in use")
        assert "simulated" not in text
        assert "http://10.0.0.5:9000/   NOT OPEN: web: Address already in use" in text

    def test_frame(self) -> None:
        """The frame fits its longest line, the title included."""
        for lines in (["short"], ["a much longer line than the title", ""]):
            rows = framed("The title", lines).strip("\n").split("\n")
            assert len({len(row) for row in rows}) == 1, rows
            assert rows[0].startswith("┌─ The title ─")
