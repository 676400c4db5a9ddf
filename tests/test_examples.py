"""The guide to writing a protocol is true: its files are those that `waygps plugin new` writes, are shipped, and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from waygps.cli.plugin_new import render
from waygps.conformance.loading import load
from waygps.conformance.report import check
from waygps.conformance.subject import Subject
from waygps.ingest.vendors import find_vendors

CHECKOUT = Path(__file__).parents[1]
EXAMPLE = CHECKOUT / "examples" / "waygps-acme"
FILES = {name: EXAMPLE / "src" / "protocols" / f"{name}.py" for name in ("acme", "acme_b7")}


class GuideTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="waygps-guide-"))
        self.addCleanup(rmtree, self.directory)

    def test_printed(self) -> None:
        """Who copies a file from the page has a vendor with nothing to mend, beside all that are installed and the other one."""
        text = (CHECKOUT / "docs" / "writing-a-protocol.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        assert blocks == [path.read_text(encoding="utf-8") for path in FILES.values()]
        paths = []
        for name, block in zip(FILES, blocks, strict=True):
            paths.append(self.directory / f"{name}.py")
            paths[-1].write_text(block, encoding="utf-8")
        vendors = [load(path)[0] for path in paths]
        for vendor in vendors:
            others = [*(found.vendor for found in find_vendors().values()), *vendors]
            samples = vendor.samples  # type: ignore[attr-defined]  # a Vendor has some
            subject = Subject(
                vendor=vendor,
                samples=samples,
                others=tuple(other for other in others if other is not vendor),
                mutations=3000,
                is_timed=False,
            )
            report = check(subject)
            assert report.faults == [], report.text()

    def test_template(self) -> None:
        """`waygps plugin new` writes the same vendors."""
        assert FILES["acme"].read_text(encoding="utf-8") == render("text", "acme")
        binary = FILES["acme_b7"].read_text(encoding="utf-8")
        for theirs, ours in (("acme_b7", "acme"), ('title="ACME B7"', 'title="ACME"'), ("5098", "5099")):
            binary = binary.replace(theirs, ours)
        assert binary == render("binary", "acme")


class DistributionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="waygps-example-"))
        self.addCleanup(rmtree, self.directory)

    def run_python(self, *arguments: str, path: Path = CHECKOUT) -> str:
        """What Python prints when it runs this, with this directory of modules."""
        paths = (str(path), str(CHECKOUT), os.environ.get("PYTHONPATH", ""))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=self.directory, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def test_installed(self) -> None:
        """pip installs it, and its vendors are found with its version."""
        site, source = self.directory / "site", self.directory / "source"
        # A build writes beside the sources.
        copytree(EXAMPLE, source, ignore=ignore_patterns("__pycache__"))
        offline = ("--no-deps", "--no-build-isolation", "--no-index")
        self.run_python("-m", "pip", "install", "--quiet", *offline, "--target", str(site), str(source))
        listed = self.run_python("-c", "from waygps.cli import main; main()", "plugin", "list", path=site)
        rows = [row.split() for row in listed.splitlines()]
        for name, port in (("acme", "5099"), ("acme_b7", "5098")):
            (row,) = [row for row in rows if row[0] == name]
            assert row[-4:-1] == [port, "1.0", "waygps-acme"], listed

    def test_own_tests(self) -> None:
        """Its own tests pass."""
        self.run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests"))
