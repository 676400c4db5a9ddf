"""Mutations: reproducible, deep enough to get past checksums, and what they find is kept small."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import mkdtemp

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.decode import messages, speed
from tests.conformance.vendors import LOGIN, POSITION, Endless, Raising, Splitless, line, vendor
from waygps.bits import crc16_arc, crc16_x25, sum8
from waygps.cli.templates import binary, text
from waygps.conformance import decoding
from waygps.conformance.corpus import Case, cases, fault, keep, smaller
from waygps.conformance.fuzz import BATCH, batches, captured, main
from waygps.conformance.mutants import ALL, KEEPING, MOST, mutant
from waygps.conformance.mutations import Fuzzing
from waygps.conformance.seals import find
from waygps.conformance.subject import Finding, Subject, shown
from waygps.interfaces import Transport, Verdict
from waygps.vendor import Vendor


class MutantTests(SynchronousTestCase):
    def test_every_kind(self) -> None:
        """Each kind of change takes any message, the shortest too, and most of them change it."""
        random = Random(1)
        for kind in ALL:
            changed = sum(mutant(POSITION, random, [POSITION, b"x"], (kind,)) != POSITION for _ in range(50))
            assert changed > 25, kind
            for _ in range(200):
                mutant(b"\0", random, [b"\0"], (kind,))

    def test_same_seed(self) -> None:
        """The same seed makes the same mutants; another one others."""
        made = [[mutant(POSITION, Random(seed), [LOGIN]) for _ in range(9)] for seed in (1, 1, 2)]
        assert made[0] == made[1] != made[2]

    def test_bounds(self) -> None:
        """A mutant does not grow beyond all bounds; those that keep the length do."""
        assert len(mutant(b"x" * MOST, Random(1), [b"y" * MOST], ALL[-1:])) == MOST
        assert all(len(mutant(POSITION, Random(seed), [POSITION], KEEPING)) == len(POSITION) for seed in range(200))


class SealTests(SynchronousTestCase):
    def test_templates(self) -> None:
        """The checksum of each template is found, and a changed frame gets the right one: its decoder takes it."""
        for frame, decoder in ((POSITION, text.Decoder()), (binary.SAMPLES[1].data, binary.Decoder("tcp", "1"))):
            seal = find(frame, (LOGIN, POSITION) if frame is POSITION else tuple(sample.data for sample in binary.SAMPLES))
            assert seal is not None
            changed = bytearray(frame)
            changed[20] ^= 1
            (message,) = decoder.feed(seal.put(bytes(changed)))
            assert message.device

    @given(st.binary(min_size=8, max_size=40), st.sampled_from([crc16_x25, crc16_arc]))
    def test_found(self, body: bytes, checksum: object) -> None:
        """A checksum of two bytes behind what it covers is found wherever that begins."""
        assert callable(checksum)
        frame = b"\x55\xaa" + body + int(checksum(body)).to_bytes(2) + b"\r\n"
        seal = find(frame)
        assert seal is not None
        assert seal.put(frame) == frame

    def test_by_chance(self) -> None:
        """A sum of one byte that fits one message by chance does not count where another one fits all of them."""
        frames = [bytes([1, number, 3, 4, 5, 6, 7, 8, number]) for number in range(40)]
        sealed = tuple(frame + bytes([sum8(frame)]) for frame in frames)
        seals = [find(frame, sealed) for frame in sealed]
        assert all(seal is not None and seal.put(frame) == frame for seal in seals for frame in sealed)

    def test_too_short(self) -> None:
        """A frame that is too short for the checksum stays as it is."""
        assert find(b"!") is None
        seal = find(POSITION)
        assert seal is not None
        assert [seal.put(b"!" * size) for size in range(4)] == [b"!" * size for size in range(4)]


class FuzzingTests(SynchronousTestCase):
    def faults(self, tried: Vendor, count: int = 3000) -> list[Finding]:
        fuzzing = Fuzzing(Subject(vendor=tried, samples=tried.samples, mutations=count))
        return [finding for _ in range(count) if (finding := fuzzing.step())]

    def test_past_the_checksum(self) -> None:
        """A fault behind the checksum is found, once, with the bytes that show it."""
        (finding,) = self.faults(vendor(Raising))
        assert "raises ValueError" in finding.text
        assert fault(vendor(Raising), finding.transport, finding.device, finding.data)

    def test_recognition(self) -> None:
        """A recognises that decodes, and lets the decoder's refusal out, is found: nobody catches that for a whole port."""

        def recognises(data: bytes, transport: Transport) -> Verdict:
            return Verdict.YES if list(text.Decoder(transport, "1").feed(data)) else Verdict.NO

        findings = self.faults(vendor(recognises=recognises))
        assert any("'s recognises raises DecodeError" in finding.text for finding in findings), findings

    def test_right(self) -> None:
        """Nothing is found in what is right."""
        assert self.faults(text.acme) == []
        assert self.faults(binary.acme) == []


class CorpusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="waygps-corpus-")) / "corpus"
        self.addCleanup(rmtree, self.directory.parent)

    def test_kept(self) -> None:
        """What is found is a file with few bytes that still show it, and is found again by it."""
        data = LOGIN * 3 + line("H,x") + POSITION
        path = keep(self.directory, vendor(Raising), Finding("the decoder raises", data=data, device="7"))
        (case,) = cases(self.directory)
        assert path.parent == self.directory
        assert case == Case("acme", "tcp", "7", case.data, "the decoder raises")
        assert len(bytes.fromhex(case.data)) < 10
        assert "raises ValueError" in fault(vendor(Raising), "tcp", "7", bytes.fromhex(case.data))
        assert fault(text.acme, "tcp", "7", bytes.fromhex(case.data)) == ""

    def test_split(self) -> None:
        """What only shows when it is split is a fault too, and hanging one."""
        assert fault(vendor(Splitless), "tcp", "7", LOGIN).startswith("split it is answered")
        self.patch(decoding, "HANG_S", 0.1)
        with decoding.watched():
            assert "is not done" in fault(vendor(Endless), "tcp", "7", line("H,00"))

    def test_smaller(self) -> None:
        """Making it smaller never loses the fault, and ends."""
        assert smaller(b"aaaaXaaaaaaaYa", lambda data: b"X" in data and b"Y" in data) == b"XY"
        assert len(smaller(b"a" * 5000, lambda data: True, most=10)) < 5000


class RunTests(SynchronousTestCase):
    def test_batches(self) -> None:
        """The run is spread over the vendors, to exactly the number asked for, and repeated by its seed."""
        made = list(batches(["a", "b"], 2 * BATCH + 5, 7))
        assert [(batch.vendor, batch.count) for batch in made] == [("a", BATCH), ("b", BATCH), ("a", 5)]
        assert made == list(batches(["a", "b"], 2 * BATCH + 5, 7))
        assert len({batch.seed for batch in made}) == 3

    def test_captured(self) -> None:
        """Captured messages are where it starts from; a vendor without any starts from its samples."""
        assert captured(text.acme) == []

    def test_command(self) -> None:
        """A short run over the vendors that are here finds nothing, and says how to repeat it."""
        directory = Path(mkdtemp(prefix="waygps-fuzz-"))
        self.addCleanup(rmtree, directory)
        result = CliRunner().invoke(main, ["--count", "500", "--seed", "3", "--workers", "1", "--corpus", str(directory)])
        assert result.exit_code == 0, result.output
        assert "--seed 3 repeats them" in result.output
        assert re.search(r"500 mutations in \d+ s, \d+ MB a worker, 0 kinds of fault", result.output)
        assert list(directory.iterdir()) == []


class BenchmarkTests(SynchronousTestCase):
    def test_speed(self) -> None:
        """`make bench-decode` counts the fixes of the messages that have some, and divides by the time."""
        assert len(messages(text.acme)) == 2
        # A clock that goes on by a quarter of a second at each look: two fixes a round, three rounds a second.
        looks = count()
        found = speed(text.acme, 1, lambda: next(looks) / 4)
        assert found is not None
        assert (found.messages, found.fixes_per_s, found.us_per_fix) == (2, 5, 208333.33)
        assert speed(vendor(samples=())) is None


class ShownTests(SynchronousTestCase):
    def test_shown(self) -> None:
        """Bytes are shown as text where a person can read them, otherwise in hex, and not without end."""
        assert shown(b"!H,86*6A\r\n") == "!H,86*6A\\r\\n"
        assert shown(b"\xaaU\x01") == "aa5501"
        assert shown(b"x" * 200) == "x" * 120 + "… (200 bytes)"
