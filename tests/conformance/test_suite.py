"""What who writes a protocol reads in the report: nothing of a vendor that is right, and what is wrong with one that is not."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.vendors import (
    LOGIN,
    POSITION,
    WRONG_SAMPLE,
    Endless,
    Hiding,
    Hoarding,
    Inventing,
    Quadratic,
    Raising,
    Splitless,
    Unsealed,
    Unwritable,
    greedy,
    line,
    raising,
    report,
    vendor,
    wavering,
)
from waygps.cli.templates import binary, text
from waygps.conformance import bounds, decoding
from waygps.conformance.subject import Subject
from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.interfaces import Transport
from waygps.request import Request, request
from waygps.vendor import Sample, Vendor


class RightTests(SynchronousTestCase):
    def test_templates(self) -> None:
        """A vendor that is right has nothing to mend, beside another one too."""
        for tried, other in ((text.acme, binary.acme), (binary.acme, text.acme)):
            neighbour = Vendor(name="other", title="Other", port=1, decoder=other.decoder, samples=other.samples)
            found = report(tried, others=[neighbour], mutations=3000)
            assert found.faults == [], found.text()
            assert "nothing to mend" in found.text()

    def test_same_seed(self) -> None:
        """The same seed finds the same; it says how many it tried."""
        first, second = (report(vendor(Raising), "samples", "noise", "mutations", mutations=1000) for _ in range(2))
        assert first.findings == second.findings
        assert "4 samples, 1,000 mutations" in first.text()


class WrongTests(SynchronousTestCase):
    """Each vendor is wrong in one thing, and that is what the report says."""

    def says(self, group: str, tried: Vendor, *expected: str, others: tuple[Vendor, ...] = ()) -> None:
        found = report(tried, group, others=others)
        for part in expected:
            assert any(part in fault for fault in found.faults), (part, found.text())
        assert f"{len(found.faults)} to mend" in found.text()

    def test_incomplete(self) -> None:
        """A vendor that lacks what the server needs is told that first, and nothing else is tried."""
        found = report(vendor(name="Not A Name"))
        assert [group for group, findings in found.findings.items() if findings] == ["form"]
        assert "its name 'Not A Name' is not 1 to 20" in found.faults[0]
        self.says("form", vendor(transports=("pigeon",)), "form: the vendor is incomplete: its transports")

    def test_no_interface(self) -> None:
        """A decoder without what it has to have is named."""

        class Nothing:
            def __init__(self, transport: Transport, device: str) -> None:
                self.held = 0

        self.says("form", vendor(Nothing), "form: over tcp: The object", "IDecoder")

    def test_no_samples(self) -> None:
        """Without samples nothing is shown."""
        self.says("form", vendor(samples=()), "form: no samples")
        self.says("form", vendor(samples=(Sample(data=LOGIN),)), "form: no sample has fixes")

    def test_same_port(self) -> None:
        """A port that another vendor has is told before the server finds it taken."""
        other = Vendor(name="other", title="Other", port=5099, decoder=binary.Decoder)
        self.says("form", vendor(), "form: port 5099 is Other's too", others=(other,))

    def test_sample_comes_to_something_else(self) -> None:
        """A sample that decodes to what it does not say is told by field, with both values."""
        self.says(
            "samples",
            vendor(samples=(WRONG_SAMPLE,)),
            "samples: samples[0]: fix 0: lat is -34.6037",
            "the sample says 1.0",
            "height is no field of a Fix",
            "is answered b'!P*OK\\r\\n', the sample says b'no'",
        )
        self.says("samples", vendor(samples=(Sample(data=POSITION),)), "samples[0]: gives 1 fixes, the sample says 0")
        refused = Sample(data=b"!P,1*00\r\n", fixes=({},))
        self.says("samples", vendor(samples=(refused,)), "samples[0]: is refused: not a line of the protocol")

    def test_raises(self) -> None:
        """An exception that is no DecodeError is told with its place in the file and the bytes."""
        self.says("mutations", vendor(Raising), "raises ValueError: invalid literal for int()", "(vendors.py:")

    def test_split(self) -> None:
        """A decoder that needs whole messages is told at which byte it fails."""
        self.says("splitting", vendor(Splitless), "splitting: samples[0]: byte by byte it")

    def test_buffer(self) -> None:
        """A buffer beyond the stated maximum is told."""
        self.says("bounds", vendor(Hoarding), "and max_buffer is 100")

    def test_memory(self) -> None:
        """So is memory that grows although nothing is said to be held."""
        self.says("bounds", vendor(Hiding), "bytes of memory, its max_buffer is 200")

    def test_work(self) -> None:
        """A scan of all that is held at every byte is found by counting, on any machine."""
        subject = Subject(vendor=vendor(Quadratic), samples=(Sample(data=b"!L,"),), is_timed=False)
        first = next(bounds.check(subject))
        assert "byte by byte twice the bytes take more than twice the work (lines of Python:" in first.text

    def test_full_on_the_way(self) -> None:
        """A decoder that begins to skip when it is full is not told that its work grows."""
        for full in (300, 3000, 20_000):

            class Filling(text.Decoder):
                max_buffer = full

            assert report(vendor(Filling), "bounds").faults == []

    def test_time(self) -> None:
        """What is slow within C is told by the time of the processor: what grows, and what is slow from the beginning."""
        subject = Subject(vendor=vendor(), samples=(Sample(data=LOGIN),))
        for seconds, expected in (
            (lambda size: size**2 * 1e-9, "in one piece twice the bytes take more than twice as long"),
            (lambda size: size * 1e-4, "a byte takes more than 20 us"),
        ):
            self.patch(bounds, "_seconds", lambda tried, pieces, seconds=seconds: seconds(len(pieces[0])))
            assert expected in next(bounds.check(subject)).text
        self.patch(bounds, "_seconds", lambda tried, pieces: len(pieces[0]) * 1e-6)
        assert list(bounds.check(subject)) == []

    def test_hang(self) -> None:
        """A decoder that never comes back from one message is interrupted, and told; the alarm is taken back."""
        self.patch(decoding, "HANG_S", 0.2)
        before = signal.getsignal(signal.SIGVTALRM)
        beat = Sample(data=line("H,00"), device="350000000000017")
        self.says("samples", vendor(Endless, samples=(*text.SAMPLES, beat)), "samples: samples[4]: is not done after 0.2 s")
        assert signal.getsignal(signal.SIGVTALRM) == before

    def test_checksum(self) -> None:
        """A vendor that does not look at its checksum is told which byte may be wrong; one without is told how many."""
        self.says("checksum", vendor(Unsealed), "checksum: samples[1]: with byte", "gives another position despite its checksum")
        found = report(vendor(Unsealed, checksum=False), "checksum")
        assert not any(fault.startswith("checksum") for fault in found.faults)
        assert any("single wrong bytes" in finding.text for finding in found.findings["checksum"])

    def test_invented(self) -> None:
        """A fix from garbage is told."""
        self.says("noise", vendor(Inventing), "with garbage before it: it gives 1 fixes, not all of them the sample's")
        self.says("noise", vendor(Inventing, samples=()), "random bytes over tcp: the decoder gives 1 fixes")

    def test_unwritable(self) -> None:
        """A value that cannot be stored is told."""
        self.says("samples", vendor(Unwritable), "gives a fix that cannot be written as JSON")

    def test_encoder(self) -> None:
        """A simulated device that the decoder does not understand is told."""

        class Mistaken(text.Encoder):
            def report(self, fixes: tuple[Fix, ...]) -> bytes:
                return super().report(fixes).replace(b",S,", b",N,")

        self.says("simulated device", vendor(encoder=Mistaken), "simulated device: what its encoder sends over tcp")


class RecognitionTests(SynchronousTestCase):
    def says(self, recognises: Callable[..., Any], *expected: str) -> None:
        other = Vendor(name="other", title="Other", port=1, decoder=binary.Decoder, samples=(Sample(data=b"HELLO\n"),))
        found = report(vendor(recognises=recognises), "recognition", others=[other])
        for part in expected:
            assert any(part in fault for fault in found.faults), (part, found.text())

    def test_greedy(self) -> None:
        """Claiming what is another vendor's, or nobody's, is told with the bytes."""
        self.says(
            greedy, "other's message: recognises says YES: H", "what is nobody's over tcp: recognises says YES: GET / HTTP/1.1"
        )

    def test_wavering(self) -> None:
        """A verdict that changes is told."""
        self.says(wavering, "samples[0]: recognises says NO first, and YES after 23 bytes")

    def test_raises(self) -> None:
        """A recognises that raises is told."""
        self.says(raising, "recognises raises IndexError")

    def test_nobody(self) -> None:
        """A sample that nobody, or another vendor, takes for its own is told; after a login it need not be."""
        double = Vendor(name="double", title="Double", port=1, decoder=text.Decoder, recognises=text.recognises)
        found = report(vendor(), "recognition", others=[double])
        assert any("samples[0]: is claimed by acme and double" in fault for fault in found.faults), found.text()
        assert not any("samples[2]" in fault for fault in found.faults)
        silent = Vendor(name="acme", title="A", port=1, decoder=text.Decoder, samples=text.SAMPLES, checksum=True)
        found = report(silent, "recognition", others=[vendor(name="double", port=2)])
        assert any("samples[1]: is taken for double's" in fault for fault in found.faults), found.text()


class HTTPVendor(Vendor):
    """Positions in the query; ``raises`` for one that raises what it must not."""

    def __init__(self, name: str = "web", path: str = "/web", raises: bool = False) -> None:
        sample = Sample(
            request=request("GET", f"{path}?id=1&lat=1.5&lon=2.5"), transport="http", fixes=({"lat": 1.5},), reply=b"ok"
        )
        super().__init__(
            name=name, title=name, port=5100, transports=("http",), samples=(sample,), claims=self.own, requests=self.read
        )
        self._path, self._raises = path, raises

    def own(self, asked: Request) -> bool:
        return asked.path == self._path

    def read(self, asked: Request) -> list[Message]:
        try:
            device, lat, lon = (asked.query[name][0] for name in ("id", "lat", "lon"))
            fix = Fix(time=None, lat=float(lat), lon=float(lon))
        except (LookupError, ValueError) as error:
            if self._raises:
                raise
            raise DecodeError("no id, lat and lon") from error
        if not (abs(fix.lat) <= 90 and abs(fix.lon) <= 180 and device):
            raise DecodeError("no place or no device")
        return [Message(device=device, fixes=(fix,), reply=b"ok")]


class RequestTests(SynchronousTestCase):
    def test_right(self) -> None:
        """A vendor whose devices speak HTTP is tried on its requests."""
        found = report(HTTPVendor(), others=[text.acme, HTTPVendor("other", "/other")], mutations=2000)
        assert found.faults == ["form: port 5100 is other's too: of the two receivers one cannot be opened"], found.text()

    def test_wrong(self) -> None:
        """What it raises, and requests that two vendors claim, are told."""
        found = report(HTTPVendor(raises=True), "HTTP", others=[HTTPVendor("other")], mutations=2000)
        for part in (
            "samples[0]: is claimed by other too",
            "other's request /web: claims says that it is its own",
            "raises KeyError",
        ):
            assert any(part in fault for fault in found.faults), (part, found.text())
