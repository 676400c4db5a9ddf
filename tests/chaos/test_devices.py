"""Devices that keep what was not acknowledged, and believe only the answer that is due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from twisted.trial.unittest import SynchronousTestCase

from chaos.devices import SECOND, Kind, Tracker
from chaos.driving import drive
from chaos.fleet import KINDS, trackers
from protocols.generic import generic
from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.chaos.serving import serve
from waygps.fix import Fix
from waygps.interfaces import IVendor

START = 1_795_521_600_000
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def sent(vendor: IVendor, data: bytes, hello: bytes = b"") -> list[Fix]:
    """The fixes in a report, as the server reads it."""
    decoder = vendor.decoder("tcp")
    return [fix for message in decoder.feed(hello + data) for fix in message.fixes]


class Memory(SynchronousTestCase):
    """A device by itself."""

    def test_kinds(self) -> None:
        """Every kind of device reports fixes that the server can read, each due the answer that the server has for it."""
        for kind in KINDS:
            report = Tracker(1, kind, START).report()
            assert report.fixes >= 1
            assert all(answer for answer, _ in report.due), kind

    def test_unanswered(self) -> None:
        """What was not acknowledged is in the next report again, from the oldest on, before anything newer."""
        tracker = Tracker(1, Kind(teltonika, "tcp", 5), START)
        hello = tracker.hello().data
        first = sent(teltonika, tracker.report().data, hello)
        for _ in range(10):
            again = sent(teltonika, tracker.report().data, hello)
            shared = min(len(first), len(again))
            assert again[:shared] == first[:shared]

    def test_whole_reports(self) -> None:
        """A device that keeps whole reports sends the same bytes until they are acknowledged, then others."""
        tracker = Tracker(1, Kind(queclink, "tcp", 5, keeps_reports=True), START)
        report = tracker.report()
        assert tracker.report() == report
        tracker.forget(report.fixes)
        assert tracker.report().data != report.data

    def test_acknowledged(self) -> None:
        """What is acknowledged is remembered with its time and place, and is not sent again; no two fixes have one time."""
        tracker = Tracker(1, Kind(generic, "tcp", 4), START)
        places = {}
        for _ in range(50):
            report = tracker.report()
            places.update({fix.time: (fix.lat, fix.lon) for fix in sent(generic, report.data)})
            tracker.forget(report.fixes)
        assert tracker.acknowledged == places
        assert sorted(tracker.acknowledged) == [START + number * SECOND for number in range(1, len(places) + 1)]

    def test_fleet(self) -> None:
        """A fleet has every kind, each device an identification of its own, and no fix from less than a month ago."""
        fleet = trackers(12, START)
        assert {tracker.kind for tracker in fleet} == set(KINDS)
        assert len({tracker.imei for tracker in fleet}) == 12
        for tracker in fleet:
            tracker.forget(tracker.report().fixes)
            assert max(tracker.acknowledged) < START - 30 * 86_400 * SECOND


class Conversations(SynchronousTestCase):
    """A device and a server that answers in its own way."""

    def driven(self, conversation: Conversation, until: Callable[[Tracker], bool]) -> Tracker:
        """A Teltonika device that reported to this server until that is so; fails after ten seconds."""
        tracker = Tracker(1, Kind(teltonika, "tcp", 5), START)

        async def run() -> None:
            async with serve(conversation) as port, asyncio.timeout(10):
                driving = asyncio.create_task(drive(tracker, port, 0))
                while not until(tracker):
                    await asyncio.sleep(0.01)
                driving.cancel()
                await asyncio.gather(driving, return_exceptions=True)

        asyncio.run(run())
        return tracker

    def test_right_answer(self) -> None:
        """The answer that is due acknowledges the report, and the device goes on to the next."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(17)
            writer.write(b"\x01")
            while True:
                head = await reader.readexactly(8)
                frame = await reader.readexactly(int.from_bytes(head[4:]) + 4)
                writer.write(b"\x00\x00\x00" + frame[1:2])

        tracker = self.driven(answer, lambda tracker: len(tracker.acknowledged) > 20)
        assert min(tracker.acknowledged) == START + SECOND

    def test_wrong_answer(self) -> None:
        """An answer for another number of records acknowledges nothing: the device connects anew and sends the same again."""
        seen: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(17)
            writer.write(b"\x01")
            seen.append(await reader.readexactly(18))
            writer.write(b"\x00\x00\x00\xff")
            await reader.read()

        tracker = self.driven(answer, lambda tracker: len(seen) > 2)
        assert not tracker.acknowledged
        assert len({frame[10:] for frame in seen}) == 1

    def test_broken_connection(self) -> None:
        """A connection that breaks before the answer acknowledges nothing."""
        calls: list[int] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            calls.append(1)
            await reader.readexactly(17)
            writer.write(b"\x01")
            await reader.readexactly(10)
            writer.write(b"\x00\x00")

        tracker = self.driven(answer, lambda tracker: len(calls) > 2)
        assert not tracker.acknowledged
