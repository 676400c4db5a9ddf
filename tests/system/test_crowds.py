"""Crowds that mean no good against the real program with its default limits, and fifty honest devices at the same receiver.

How long the honest ones wait is measured by ``make bench-crowds``; here all of them have to be answered and stored, on the
connection that they had, the crowd has to be got rid of, and the server's memory has to stay where it was.
"""

from __future__ import annotations

import asyncio

from benchmarks.attackers import ADDRESSES, KINDS, Outcome
from benchmarks.crowds import VENDORS, ended, started
from benchmarks.honest import Heard, Honest
from protocols.generic import generic
from tests.system.server import ServerCase, until
from waygps.ingest.journal import NAME

SECONDS = 3.0
GROWTH = 60_000
"""Kilobytes: of 2,000 connections at 4.2 KB each, and of what a flood leaves behind it."""
STORED = "SELECT count(*) FROM posiciones_historicas h JOIN moviles m ON m.id = h.movil_id WHERE m.imei LIKE '86%%'"


class Crowds(ServerCase):
    settings = {"LIMITS_FIRST_MESSAGE": "20"}

    def beside(self, kind: str) -> Outcome:
        """Honest devices are served while a crowd is there and after it has gone: what became of the crowd."""
        before, (stored,) = self.memory(), self.server.rows(STORED)[0]
        heard, highest, outcome = asyncio.run(self.serve(kind))
        assert heard.faults == []
        assert heard.acknowledged >= 50
        assert self.server.rows(STORED) == [(stored + heard.acknowledged,)]
        assert highest - before < GROWTH
        assert self.server.is_healthy()
        return outcome

    async def serve(self, kind: str) -> tuple[Heard, int, Outcome]:
        """What the honest ones heard, the most kilobytes that the server had, and the crowd's own account."""
        vendor = VENDORS.get(kind, generic)
        highest = 0
        series = list(KINDS).index(kind)
        async with Honest(vendor, self.server.ports[vendor.name], series) as honest:
            crowd = asyncio.create_task(ended(await started(kind, self.server.ports[vendor.name], SECONDS)))
            while not crowd.done():
                highest = max(highest, self.memory())
                await asyncio.sleep(0.1)
            rounds = honest.heard.acknowledged + len(honest.names)
            while honest.heard.acknowledged < rounds and not honest.heard.faults:
                await asyncio.sleep(0.1)
        return honest.heard, highest, await crowd

    def memory(self) -> int:
        """Kilobytes that the server has in memory."""
        with open(f"/proc/{self.server.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def test_slow_loris(self) -> None:
        """Two thousand connections that send a byte a second disturb nobody, and are all gone with their crowd."""
        outcome = self.beside("loris")
        assert (outcome.connections, outcome.ended) == (2000, 0)
        journal = self.server.data_dir / NAME
        until(lambda: journal.read_text().count(f"peer={ADDRESSES['loris']}:") == 2000, "their lines")

    def test_flood(self) -> None:
        """Of ten thousand connects a second from one address the burst comes in, the rest is refused; others do not notice."""
        outcome = self.beside("flood")
        assert outcome.ended > 0
        assert ADDRESSES["flood"] in self.said("opens more than limits.new_per_second (200) after a burst")

    def test_gigabytes(self) -> None:
        """Frames that declare a gigabyte take no memory, and their connections end, each counted, not each in the log."""
        outcome = self.beside("lengths")
        assert outcome.ended > 0
        assert ADDRESSES["lengths"] in self.said("that cannot be decoded")
        assert self.server.log().count("sent what cannot be decoded") <= 20

    def test_endless_lines(self) -> None:
        """Lines without an end take no memory, and who sends them is read no faster than one device may send."""
        outcome = self.beside("lines")
        assert outcome.sent_mb > 10
        assert len(self.server.log().splitlines()) < 5000

    def said(self, text: str) -> str:
        """The first line of the log with this text, which is not there twice a minute."""
        lines = [line for line in self.server.log().splitlines() if text in line]
        assert 1 <= len(lines) <= 3
        return lines[0]
