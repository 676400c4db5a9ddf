"""The pages about the vendors say what the vendors are."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.test_suite import HTTPVendor
from tests.conformance.vendors import TEMPLATES
from waygps.cli import main
from waygps.cli.templates import text
from waygps.conformance.page import events_of, index, page
from waygps.ingest.vendors import Found, find_vendors
from waygps.vendor import Vendor

PAGES = Path(__file__).parents[2] / "docs" / "vendors"


class PageTests(SynchronousTestCase):
    def test_up_to_date(self) -> None:
        """The pages in docs/vendors/ are those of the vendors that are here; `make docs-vendors` makes them so."""
        found = find_vendors()
        expected = {f"{name}.md": page(one) for name, one in found.items()} | {"README.md": index(found)}
        written = {path.name: path.read_text(encoding="utf-8") for path in PAGES.iterdir()}
        assert written == expected

    def test_says(self) -> None:
        """A page has the devices, port, transports, features, events and messages of its vendor."""
        said = page(Found(text.acme, str(TEMPLATES / "text.py")))
        for part in (
            "# ACME\n",
            "Devices: ACME T1.",
            "Port 5099, open at the first start.",
            "* Over TCP: ",
            "* Over UDP: the same address, port 5099.",
            "type `auto`: yes.",
            "* Every report has a checksum",
            "`waygps simulate --vendor acme`",
            "* Events: `overspeed`, `power_cut`, `sos`.",
            "    !L,350000000000017*50\\r\\n\n\nanswered `!L*OK\\r\\n`.",
            '"lat":-34.603721',
        ):
            assert part in said, (part, said)

    def test_says_less(self) -> None:
        """A vendor that has little to say has a short page; one that speaks HTTP has its requests."""
        bare = Vendor(name="bare", title="Bare", port=1, decoder=text.Decoder, active=False)
        said = page(Found(bare, __file__))
        assert "off until it is switched on" in said
        assert "only by trying its decoder" in said
        for absent in ("Devices", "checksum", "Simulated", "Events", "Messages"):
            assert absent not in said
        said = page(Found(HTTPVendor(), __file__))
        assert "GET /web?id=1&lat=1.5&lon=2.5" in said
        assert "auto" not in said

    def test_command(self) -> None:
        """The command prints one page, or writes all and clears away those of vendors that are gone."""
        directory = Path(mkdtemp(prefix="waygps-pages-"))
        self.addCleanup(rmtree, directory)
        (directory / "gone.md").write_text("gone")
        assert CliRunner().invoke(main, ["plugin", "page", "generic"]).output.startswith("# Generic\n")
        assert CliRunner().invoke(main, ["plugin", "page", "--dir", str(directory)]).exit_code == 0
        assert {path.stem for path in directory.iterdir()} == {"README", *find_vendors()}
        assert "no vendor nobody" in CliRunner().invoke(main, ["plugin", "page", "nobody"]).output

    def test_events(self) -> None:
        """Events are those that the file names; what is none is left out."""
        assert events_of(TEMPLATES / "binary.py") == ["overspeed", "power_cut", "sos", "tow"]

    def test_events_of_the_second_file(self) -> None:
        """A vendor in two files has the events of both; a module that is not beside it has none."""
        directory = Path(mkdtemp())
        self.addCleanup(rmtree, directory)
        (directory / "acme.py").write_text("from protocols.acme_binary import A\nfrom protocols.generic import B\nevents.SOS\n")
        (directory / "acme_binary.py").write_text("A = events.TOW, events.SOS\n")
        assert events_of(directory / "acme.py") == ["sos", "tow"]
