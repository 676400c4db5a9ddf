"""Every built-in vendor passes what third parties run, `waygps plugin check`, with fewer mutations: `make fuzz` has more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from waygps.conformance.report import Report, check
from waygps.conformance.subject import Subject
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IVendor

MUTATIONS = 3000
"""Enough to find what is easily found; 100,000 take ten seconds a vendor, which `waygps plugin check NAME` spends."""
INSTALLED = {name: found.vendor for name, found in find_vendors().items()}


def report(vendor: IVendor) -> Report:
    """What the suite says of a built-in vendor among the others."""
    samples = tuple(getattr(vendor, "samples", ()))
    others = tuple(other for name, other in INSTALLED.items() if name != vendor.name)
    return check(Subject(vendor=vendor, samples=samples, others=others, mutations=MUTATIONS, is_timed=False))


class ConformanceTests(SynchronousTestCase):
    """A test for each vendor is added below."""

    def test_all_have_samples(self) -> None:
        """Each vendor shows what it can do by samples of its own."""
        assert [name for name, vendor in INSTALLED.items() if not getattr(vendor, "samples", ())] == []


def _add(vendor: IVendor) -> None:
    def test(self: ConformanceTests) -> None:
        found = report(vendor)
        assert found.samples > 2
        assert found.faults == [], found.text()

    test.__doc__ = f"Nothing is to be mended in {vendor.title}'s protocol."
    setattr(ConformanceTests, f"test_{vendor.name}", test)


for _vendor in INSTALLED.values():
    _add(_vendor)


class FirstRunTests(SynchronousTestCase):
    def test_open_at_first(self) -> None:
        """A first run opens the three ports that everybody expects; the other vendors' wait to be asked for, each at its own."""
        assert {name for name, vendor in INSTALLED.items() if vendor.active} == {"teltonika", "queclink", "generic"}
        ports = [vendor.port for vendor in INSTALLED.values()]
        assert len(set(ports)) == len(ports)
