"""What happens to files dropped into a directory of protocols."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

from twisted.trial.unittest import SynchronousTestCase

import protocols
from tests.fakes import logged
from waygps.ingest.vendors import Found, find_vendors

GOOD = """
    from waygps.vendor import Vendor
    made = Vendor(name="{name}", title="Made up", port=5099, decoder=lambda transport, device: None)
"""
SILENT = """
    from twisted.plugin import IPlugin
    from zope.interface import implementer
    from waygps.interfaces import IVendor

    @implementer(IPlugin, IVendor)
    class Silent:
        name, title, maker, transports, port, active = "silent", "Silent", "Tests", ("http",), 5099, True

        def decoder(self, transport, device=""): ...
        def encoder(self, device, transport): ...
        def factory(self, sessions): ...

    silent = Silent()
"""
INCOMPLETE = """
    from twisted.plugin import IPlugin
    from zope.interface import implementer
    from waygps.interfaces import IVendor

    @implementer(IPlugin, IVendor)
    class Half:
        name = "half"

    half = Half()
"""


class FindVendorsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = self.fresh()
        self.stem = f"made_{id(self) & 0xFFFFFF:x}"
        self.addCleanup(self.forget, list(protocols.__path__), set(sys.modules))

    def fresh(self) -> Path:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return Path(directory.name).resolve()

    def forget(self, path: list[str], modules: set[str]) -> None:
        """Leave Python's memory as it was; the directories, caches included, are the test's own."""
        protocols.__path__[:] = path
        for name in [name for name in sys.modules if name.startswith("protocols.") and name not in modules]:
            del sys.modules[name]
            if hasattr(protocols, name.partition(".")[2]):
                delattr(protocols, name.partition(".")[2])

    def drop(self, name: str, text: str, directory: Path | None = None) -> Path:
        """Drop a file in."""
        path = (directory or self.directory) / f"{name}.py"
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def find(self, *directories: Path) -> tuple[dict[str, Found], list[str]]:
        """The vendors found, and the log."""
        with logged() as lines:
            found = find_vendors(directories or [self.directory])
        return found, lines

    def test_dropped_in(self) -> None:
        """A file dropped into the configured directory is a vendor more, beside the built-in ones."""
        path = self.drop(self.stem, GOOD.format(name=self.stem))
        found, lines = self.find()
        assert found[self.stem].path == str(path)
        assert found[self.stem].vendor.port == 5099
        assert {"generic", "teltonika"} <= set(found)
        assert lines == []

    def test_twice(self) -> None:
        """Looking again finds the same, and adds no directory twice."""
        self.drop(self.stem, GOOD.format(name=self.stem))
        first, _ = self.find()
        again, lines = self.find()
        assert again[self.stem].vendor is first[self.stem].vendor
        assert list(protocols.__path__).count(str(self.directory)) == 1
        assert lines == []

    def test_broken_file(self) -> None:
        """A file that cannot be imported is named with its error, and everything else runs."""
        path = self.drop(self.stem, "import no_such_module_of_this_test")
        self.drop(self.stem + "_good", GOOD.format(name=self.stem))
        found, lines = self.find()
        assert f"protocol file {path} is skipped: ModuleNotFoundError: No module named 'no_such_module_of_this_test'" in lines
        assert {self.stem, "generic"} <= set(found)
        assert len(self.flushLoggedErrors(ModuleNotFoundError)) == 1

    def test_syntax_error(self) -> None:
        """So is one that is no Python."""
        path = self.drop(self.stem, "this is no Python")
        found, lines = self.find()
        assert [line for line in lines if line.startswith(f"protocol file {path} is skipped: SyntaxError: ")]
        assert "generic" in found
        assert len(self.flushLoggedErrors(SyntaxError)) == 1

    def test_file_that_exits(self) -> None:
        """A file that calls exit does not take the server with it."""
        path = self.drop(self.stem, "raise SystemExit('enough')")
        found, lines = self.find()
        assert f"protocol file {path} is skipped: SystemExit: enough" in lines
        assert "generic" in found
        self.flushLoggedErrors(SystemExit)

    def test_incomplete_vendor(self) -> None:
        """A vendor that lacks what the server needs is named with what is missing, and not used."""
        path = self.drop(self.stem, INCOMPLETE)
        found, lines = self.find()
        assert "half" not in found
        (line,) = lines
        assert line.startswith(f"protocol file {path} is skipped: its vendor is incomplete: ")
        assert "title" in line
        assert "decoder(transport, device='')" in line

    def test_http_without_requests(self) -> None:
        """A vendor that says it speaks HTTP and cannot read a request is named with what is missing."""
        self.drop(self.stem, SILENT)
        found, lines = self.find()
        assert "silent" not in found
        (line,) = lines
        assert "IRequests" in line

    def test_impossible_attributes(self) -> None:
        """A vendor with a name, a port or transports that cannot be is named with the reason, and everything else runs."""
        for number, (old, new, reason) in enumerate(
            [
                ('"{name}"', '"Made Up"', "its name 'Made Up' is not "),
                ('"{name}"', "5", "its name 5 is not "),
                ("5099", "70000", "its port 70000 is not "),
                ("5099", '"5099"', "its port '5099' is not "),
                ("5099", '5099, transports=("pigeon",)', "its transports ('pigeon',) are not "),
                ("5099", "5099, transports=()", "its transports () are not "),
            ]
        ):
            directory = self.fresh()
            path = self.drop(f"{self.stem}_{number}", GOOD.replace(old, new).format(name=self.stem), directory)
            found, lines = self.find(directory)
            assert self.stem not in found
            assert "generic" in found
            named = [line for line in lines if str(path) in line]
            assert named, lines
            assert f"protocol file {path} is skipped: its vendor is incomplete: {reason}" in named[0]

    def test_two_of_one_name(self) -> None:
        """Of two files with vendors of one name neither is taken, and the operator reads both paths."""
        one = self.drop(self.stem + "_1", GOOD.format(name=self.stem))
        two = self.drop(self.stem + "_2", GOOD.format(name=self.stem))
        found, lines = self.find()
        assert self.stem not in found
        (line,) = lines
        assert line.startswith(f"vendor {self.stem} is refused, it is defined by ")
        assert str(one) in line
        assert str(two) in line

    def test_shadowed_file(self) -> None:
        """A file with the name of a built-in one has no effect, and the operator is told so."""
        path = self.drop("generic", GOOD.format(name=self.stem))
        found, lines = self.find()
        assert self.stem not in found
        assert found["generic"].path == str(Path(protocols.__path__[0]) / "generic.py")
        assert lines == [f"{path} is not used: a protocol file named generic.py comes first; rename it"]

    def test_shadowed_by_an_earlier_directory(self) -> None:
        """Of two configured directories the first wins, and the second's file is named."""
        second = self.fresh()
        self.drop(self.stem, GOOD.format(name=self.stem))
        path = self.drop(self.stem, GOOD.format(name=self.stem + "_b"), second)
        found, lines = self.find(self.directory, second)
        assert self.stem in found
        assert self.stem + "_b" not in found
        assert lines == [f"{path} is not used: a protocol file named {self.stem}.py comes first; rename it"]

    def test_imported_by_another(self) -> None:
        """A file that builds on another one's vendor does not make two of it."""
        self.drop(self.stem, GOOD.format(name=self.stem))
        self.drop(self.stem + "_more", f"from protocols.{self.stem} import made")
        found, lines = self.find()
        assert self.stem in found
        assert lines == []

    def test_missing_directory(self) -> None:
        """A directory that is not there is named with the setting, and the others are searched."""
        self.drop(self.stem, GOOD.format(name=self.stem))
        gone = self.directory / "gone"
        found, lines = self.find(gone, self.directory)
        assert self.stem in found
        assert lines == [f"protocol directory {gone} does not exist (setting receivers.protocol_dirs)"]
