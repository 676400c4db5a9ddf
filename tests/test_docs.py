"""The documentation is true: its configuration is the defaults, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from waygps.settings import known_keys, load

CHECKOUT = Path(__file__).parents[1]


def block(document: str, language: str) -> str:
    """The first block of code in this language."""
    text = (CHECKOUT / "docs" / document).read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


class Configuration(SynchronousTestCase):
    """docs/configuration.md."""

    def test_the_file_is_the_defaults(self) -> None:
        """Who copies the whole file into waygps.toml runs with what runs without it."""
        with TemporaryDirectory() as directory:
            file = Path(directory) / "waygps.toml"
            file.write_text(block("configuration.md", "toml"), encoding="utf-8")
            assert load(file, {}, {}) == load(None, {}, {})

    def test_every_setting_is_there(self) -> None:
        """No setting is hidden from the reader."""
        text = block("configuration.md", "toml")
        missing = [key for key in known_keys() if not re.search(rf"^{key.rpartition('.')[2]} = ", text, re.MULTILINE)]
        assert missing == []


class Links(SynchronousTestCase):
    """All documents."""

    def test_links_lead_somewhere(self) -> None:
        """No link between the documents is dead."""
        for document in [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *CHECKOUT.glob("docs/**/*.md")]:
            for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"
