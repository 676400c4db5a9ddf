"""What mutations ever brought to light stays mended."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from waygps.conformance.corpus import CORPUS, cases, fault
from waygps.conformance.decoding import watched
from waygps.ingest.vendors import find_vendors

CHECKOUT = Path(__file__).parents[2]


class CorpusTests(SynchronousTestCase):
    def test_mended(self) -> None:
        """No input that a decoder did not stand once makes it fail again."""
        vendors = {name: found.vendor for name, found in find_vendors().items()}
        assert (CHECKOUT / CORPUS).is_dir()
        with watched():
            for case in cases(CHECKOUT / CORPUS):
                text = fault(vendors[case.vendor], case.transport, case.device, bytes.fromhex(case.data))
                assert text == "", f"{case}: {text}"
