"""``waygps plugin``: what who writes a protocol types, and reads."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

import protocols
from tests.conformance.vendors import LOGIN, POSITION, TEMPLATES, line
from tests.fakes import NOON
from waygps.cli import main
from waygps.cli.plugin_new import render
from waygps.cli.trying import Current, lines
from waygps.conformance.loading import Unloadable, load
from waygps.fix import Fix, Message, Vitals


class PluginCase(SynchronousTestCase):
    """A directory of its own."""

    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="waygps-plugin-"))
        self.addCleanup(rmtree, self.directory)

    def run_command(self, *arguments: str) -> Result:
        """``waygps plugin`` with these arguments."""
        return CliRunner().invoke(main, ["plugin", *arguments])

    def written(self, name: str = "acme", kind: str = "text") -> Path:
        """The file that ``waygps plugin new`` writes."""
        result = self.run_command("new", name, f"--{kind}", "--dir", str(self.directory))
        assert result.exit_code == 0, result.output
        return self.directory / f"{name}.py"


class NewTests(PluginCase):
    def test_runs(self) -> None:
        """What is written passes the check as it is, and its own test, for text and binary."""
        for name, kind in (("fasttrack", "text"), ("blue_7", "binary")):
            file = self.written(name, kind)
            checked = self.run_command("check", str(file), "--mutations", "2000")
            assert checked.exit_code == 0, checked.output
            assert f"{name}: " in checked.output
            assert "nothing to mend" in checked.output
            test = self.directory / "tests" / f"test_{name}.py"
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)], capture_output=True, timeout=120
            )
            assert done.returncode == 0, done.stdout.decode()

    def test_is_another_vendor(self) -> None:
        """The name is the vendor's everywhere, its port is nobody's."""
        (vendor,) = load(self.written("fasttrack"))
        assert (vendor.name, vendor.title, vendor.port) == ("fasttrack", "FASTTRACK", 5099)
        assert "acme" not in render("binary", "fasttrack").lower()

    def test_nothing_is_overwritten(self) -> None:
        """A file that is there stays as it is."""
        file = self.written()
        file.write_text("mine")
        result = self.run_command("new", "acme", "--dir", str(self.directory))
        assert result.exit_code == 1
        assert f"{file} is there already" in result.output
        assert file.read_text() == "mine"

    def test_names(self) -> None:
        """A name that cannot be, or is taken, is refused before anything is written."""
        for name in ("Acme", "class", "a-b", "1a", "generic", "x" * 21):
            result = self.run_command("new", name, "--dir", str(self.directory))
            assert result.exit_code == 2, name
        assert list(self.directory.iterdir()) == []


class CheckTests(PluginCase):
    def test_what_to_mend(self) -> None:
        """A fault is a numbered line with the sample, and the exit code is 1."""
        file = self.written()
        file.write_text(file.read_text().replace('"course_deg": 180', '"course_deg": 181'))
        result = self.run_command("check", str(file), "--mutations", "10")
        assert result.exit_code == 1
        expected = "1 to mend\n   1. samples: samples[1]: fix 0: course_deg is 180.0, the sample says 181: !P,350000000000017"
        assert expected in result.output

    def test_installed(self) -> None:
        """A vendor that is installed is checked by its name."""
        result = self.run_command("check", "generic", "--mutations", "10")
        assert result.output.startswith("generic: "), result.output

    def test_not_loadable(self) -> None:
        """A file without a vendor, or with a fault, is told by line."""
        for text, expected in (
            ("x = 1\n", "has no vendor at its module level"),
            ("x = 1\n\nx = = 2\n", "line 3: SyntaxError: invalid syntax"),
            ("import no_such_module\n", "line 1: ModuleNotFoundError: No module named 'no_such_module'"),
            ("\nraise SystemExit(3)\n", "line 2: SystemExit: 3"),
        ):
            file = self.directory / "broken.py"
            file.write_text(text)
            result = self.run_command("check", str(file))
            assert result.exit_code == 1
            assert expected in result.output, result.output
        assert "no file and no vendor nobody; there are: generic" in self.run_command("check", "nobody").output


class ListTests(PluginCase):
    def test_columns(self) -> None:
        """Every vendor is listed with transports, port, version and where it came from; what is broken is told."""
        before = list(protocols.__path__)
        self.addCleanup(protocols.__path__.__setitem__, slice(None), before)
        self.written("listed")
        with (self.directory / "listed.py").open("a") as file:
            file.write('__version__ = "1.2"\n')
        (self.directory / "brokenone.py").write_text("import no_such_module\n")
        result = self.run_command("list", "--protocol-dir", str(self.directory))
        self.flushLoggedErrors(ModuleNotFoundError)
        assert result.exit_code == 0, result.output
        rows = [row.split() for row in result.output.splitlines()]
        assert ["listed", "LISTED", "tcp", "udp", "5099", "1.2", str(self.directory / "listed.py")] in rows
        assert any(row[:5] == ["generic", "Generic", "tcp", "udp", "8082"] and row[-1] == "WayGPS" for row in rows)
        assert "brokenone.py is skipped: ModuleNotFoundError" in result.output
        assert list(distributions()), "the versions of distributions are looked up here"


class TryTests(PluginCase):
    """The parts; tests/system/test_plugin_try.py has the command with its sockets."""

    def test_reload(self) -> None:
        """A change of the file is taken up, and said; a fault in it is said, and the code before it goes on."""
        file, said = self.written(), list[str]()
        current = Current(file, said.append)
        first, text = current.vendor, file.read_text()
        current.look()
        assert (current.vendor, said) == (first, [])
        file.write_text(text + "x = = 1\n")
        current.look()
        assert current.vendor is first
        assert "SyntaxError" in said[0]
        assert "the code before it goes on" in said[0]
        file.write_text(text.replace('title="ACME"', 'title="ACME 2"'))
        current.look()
        assert current.vendor.title == "ACME 2"
        assert "open connections keep the old code" in said[1]

    def test_file_that_is_no_plugin(self) -> None:
        """A file that cannot be loaded at all is refused at the start."""
        (self.directory / "empty.py").write_text("")
        self.assertRaises(Unloadable, Current, self.directory / "empty.py", print)

    def test_lines(self) -> None:
        """A message is shown with all that it says."""
        fix = Fix(time=NOON, lat=1.5, lon=2.5, attributes={"rpm": 900})
        vitals = Vitals(gsm=3)
        message = Message(device="7", fixes=(fix,), raw=b"!P\r\n", vitals=vitals, unreadable="no time", warnings=("odd",))
        shown = lines(message, b"\xff")
        assert shown[0] == "device 7: 1 fixes, from !P\\r\\n"
        assert '"lat":1.5' in shown[1]
        assert '"rpm":900' in shown[1]
        assert shown[2:] == ['   vitals {"gsm":3}', "   unreadable: no time", "   warning: odd", "   answered ff"]
        assert lines(Message(device=""), b"") == ["device (not said): 0 fixes, from ", "   not answered"]

    def test_where(self) -> None:
        """A place to listen that is none, or HTTP, is refused with what is expected."""
        file = self.written()
        for place, expected in (
            ("5099", "is not tcp:PORT"),
            ("tcp:x", "is not tcp:PORT"),
            ("http:80", "served by `twistd"),
        ):
            result = self.run_command("try", str(file), "--listen", place)
            assert result.exit_code == 2
            assert expected in result.output


class TemplateTests(SynchronousTestCase):
    def test_messages(self) -> None:
        """The lines of the template's description have the checksums that the tests make."""
        assert (line("L,350000000000017"), line(POSITION[1:-5].decode())) == (LOGIN, POSITION)
        text = (TEMPLATES / "text.py").read_text()
        assert "!L,350000000000017*50 " in text
        assert "24.3,180,9,87,0*15" in text
