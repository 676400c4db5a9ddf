"""The record of what came to the wrong port, and the listeners of strangers."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import logged
from tests.ingest.test_foreign import VENDORS
from waygps.ingest.findings import SAY_EVERY, Findings
from waygps.ingest.sniff import Sniffer
from waygps.ingest.strangers import Strangers


class FindingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.alerts: list[str] = []
        self.findings = Findings(lambda kind, text: self.alerts.append(text), lambda: self.now, most=3)

    def found(self, vendor: str, receiver: str = "Norte") -> None:
        self.findings.foreign(receiver, "h:1", "tcp", b"x" * 100, vendor, f"{receiver} {vendor}", False)

    def test_newest(self) -> None:
        """The newest cases are kept, newest first, with the beginning of what came."""
        for vendor in "abcde":
            self.found(vendor)
        assert [(found.vendor, len(found.data)) for found in self.findings] == [("e", 64), ("d", 64), ("c", 64)]

    def test_alerts(self) -> None:
        """Each receiver and vendor has one alert a while, also after many others."""
        for _ in range(2):
            for vendor in ("a", "b"):
                self.found(vendor)
                self.found(vendor, "Sur")
        assert sorted(self.alerts) == ["Norte a", "Norte b", "Sur a", "Sur b"]
        self.now = SAY_EVERY - 1
        self.found("a")
        assert len(self.alerts) == 4
        self.now = SAY_EVERY
        self.found("a")
        assert self.alerts[-1] == "Norte a"

    def test_stranger(self) -> None:
        """Of bytes that nobody recognises the likeliest vendor is kept, without an alert."""
        self.findings.stranger("Norte", "h:1", "udp", b"x", {"a": 0.4, "b": 0.2})
        self.findings.stranger("Norte", "h:1", "udp", b"x", {})
        assert [(found.vendor, found.score) for found in self.findings] == [("", 0.0), ("a", 0.4)]
        assert self.alerts == []


class StrangersTests(SynchronousTestCase):
    def sniffer(self, data: bytes) -> Sniffer:
        sniffer = Sniffer(VENDORS, "tcp")
        sniffer.feed(data)
        sniffer.finish()
        return sniffer

    def test_listeners(self) -> None:
        """Every listener is told of every case, though the log has one line a host and one of them fails."""
        told: list[tuple[Any, ...]] = []

        def broken(*_: object) -> None:
            raise RuntimeError("a full disk")

        strangers = Strangers("Norte", [broken, lambda *case: told.append(case)])
        with logged() as lines:
            for _ in range(2):
                strangers.tell("h:1", self.sniffer(b"+ACK:nothing"))
        assert len([line for line in lines if "no vendor recognises" in line]) == 1
        assert len(self.flushLoggedErrors(RuntimeError)) == 2
        assert [case[:4] for case in told] == [("Norte", "h:1", "tcp", b"+ACK:nothing")] * 2
        assert next(iter(told[0][4])) == "queclink"

    def test_nothing_said(self) -> None:
        """Who connects and says nothing is not told of."""
        told: list[tuple[Any, ...]] = []
        Strangers("Norte", [lambda *case: told.append(case)]).tell("h:1", self.sniffer(b""))
        assert told == []
