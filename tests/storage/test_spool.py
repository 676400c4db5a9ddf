"""The spool: what is in its file, in which order, and what it bears."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from tests.postgres import clock
from tests.storage import HEAVY, NOON, at, parcel
from waygps.errors import SpoolFull, SpoolUnavailable, StoreUnavailable
from waygps.fix import Message
from waygps.position import Parcel, Vehicle, refused
from waygps.storage.spool import Kept, Spool

BUS = Vehicle(7, "356307042441013", "AB 123 CD")
NEW = Vehicle(0, "864394040001234", None)
texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5
)


@st.composite
def parcels(draw: Any) -> Parcel:
    """Whatever a decoder may make of a message."""
    vehicle = Vehicle(draw(st.integers(0, 2**31 - 1)), draw(texts), draw(st.none() | texts))
    fixes = draw(st.lists(st.dictionaries(texts, values, max_size=3), max_size=3))
    more = {"lat": draw(st.floats(-90, 90)), "alarm": draw(st.none() | texts), "ignition": draw(st.none() | st.booleans())}
    positions = [at(vehicle, number, attributes=attributes, **more) for number, attributes in enumerate(fixes)]
    raw = draw(st.binary())
    apart = refused(Message(device=draw(texts), raw=raw), positions[0].fix, draw(texts), NOON) if positions else None
    return parcel(vehicle, *positions, refused=[apart] if apart else [], message=raw)


def content(each: Parcel) -> Parcel:
    """Equal for two parcels that say the same, whether their fixes are in a list or a tuple."""
    return replace(each, positions=list(each.positions), refused=list(each.refused))


class SpoolCase(TestCase):
    """A spool in a directory of its own."""

    timeout = 20
    most_mb = 8

    def setUp(self) -> None:
        directory = TemporaryDirectory(prefix="waygps-tests-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.spool = self.opened()

    def opened(self) -> Spool:
        """One that looked into what the file has."""
        spool = Spool(clock, self.directory, self.most_mb)
        self.addCleanup(spool.close)
        spool.open()
        spool.start()
        return spool

    def rows(self, sql: str, *arguments: object) -> list[Any]:
        """What another program finds in the file."""
        with closing(sqlite3.connect(self.directory / "spool.sqlite3")) as connection, connection:
            return connection.execute(sql, arguments).fetchall()

    async def filled(self, seconds: Sequence[float], **more: Any) -> None:
        """A parcel for each of these seconds is in the file."""
        await gatherResults([self.spool.append(parcel(BUS, at(BUS, second, **more))) for second in seconds])

    def size(self) -> int:
        """Bytes on disk, the log of SQLite included."""
        return sum(part.stat().st_size for part in self.directory.iterdir())

    async def times(self) -> list[float]:
        """The seconds of the fixes that are handed out."""
        return [(each.time - NOON) / 1000 for kept in await self.spool.first() for each in kept.parcel.positions]


class SpoolTest(SpoolCase):
    async def test_durable(self) -> None:
        """What was taken is in the file for everybody to see before its device is answered."""
        for number in (1, 2, 3):
            await self.spool.append(parcel(BUS, at(BUS), at(BUS, 1)))
            assert self.rows("SELECT count(*), sum(fixes) FROM parcels") == [(number, 2 * number)]

    async def test_order(self) -> None:
        """Parcels come out in the order they went in, whatever the times of their fixes, a reading's worth at a time."""
        seconds = [float((number * 37) % 1201) for number in range(1201)]
        await self.filled(seconds)
        assert (self.spool.fixes, await self.times()) == (1201, seconds[:500])
        await self.spool.forget(await self.spool.first())
        assert (self.spool.fixes, await self.times()) == (701, seconds[500:1000])
        await self.spool.forget(await self.spool.first())
        assert await self.times() == seconds[1000:]

    async def test_reading_is_bounded_by_fixes(self) -> None:
        """Of messages with hundreds of fixes only a few are read at once."""
        for _ in range(8):
            await self.spool.append(parcel(BUS, *[at(BUS, second) for second in range(300)]))
        assert len(await self.spool.first()) == 4

    async def test_forget(self) -> None:
        """Only what is in PostgreSQL leaves the file, and the count and age are those of what stays."""
        await self.filled([0, 1, 2])
        first, middle, last = await self.spool.first()
        await self.spool.forget([middle])
        assert [each.number for each in await self.spool.first()] == [first.number, last.number]
        assert self.spool.fixes == 2
        await self.spool.forget([first, last])
        assert (self.spool.fixes, self.spool.oldest) == (0, None)
        assert await self.spool.first() == []

    async def test_refused_fixes_count(self) -> None:
        """A message of nothing but refused fixes waits in the file too, and is counted."""
        apart = refused(Message(device=BUS.imei, raw=b"\x00\xff"), at(BUS).fix, "from the future", NOON)
        await self.spool.append(parcel(BUS, refused=[apart], message=b"\x00\xff"))
        assert self.spool.fixes == 1
        (kept,) = await self.spool.first()
        assert list(kept.parcel.refused) == [apart]

    async def test_round_trip(self) -> None:
        """Whatever a message says comes out of the file as it went in: any JSON, any text, numbers of any size, its bytes."""
        wanted: list[Parcel] = []

        @given(parcels())
        def note(each: Parcel) -> None:
            wanted.append(content(each))

        note()
        for each in wanted:
            await self.spool.append(each)
        found: list[Kept] = []
        while kept := await self.spool.first():
            found += kept
            await self.spool.forget(kept)
        assert [content(each.parcel) for each in found] == wanted

    async def test_reopened(self) -> None:
        """After a restart the fixes that wait, and since when, are known before anything else happens."""
        before = time.time()
        await self.filled([0, 1, 2])
        self.spool.close()
        again = self.opened()
        assert again.fixes == 3
        assert again.oldest is not None
        assert before - 0.001 <= again.oldest <= time.time()
        assert self.rows("SELECT count(*) FROM parcels") == [(3,)]

    async def test_age_is_that_of_the_oldest(self) -> None:
        """Parcels that come later do not make the spool look younger, and those that leave do."""
        await self.filled([0])
        self.rows("UPDATE parcels SET received = received - 60000")
        await self.filled([1])
        await self.spool.first()
        assert self.spool.oldest is not None
        assert self.spool.oldest < time.time() - 59
        await self.spool.forget((await self.spool.first())[:1])
        await self.spool.first()
        assert self.spool.oldest > time.time() - 59

    async def test_closed(self) -> None:
        """A spool of a server that stops takes nothing, gives nothing, and says why."""
        self.spool.close()
        for refusal in (self.spool.append(parcel(BUS, at(BUS))), self.spool.first()):
            with self.assertRaises(StoreUnavailable):
                await refusal

    async def test_set_aside(self) -> None:
        """A parcel that no database takes is out of the way and kept for an operator."""
        await self.filled([0, 1])
        first, _ = await self.spool.first()
        await self.spool.set_aside(first)
        assert (self.spool.fixes, await self.times()) == (1, [1.0])
        assert self.rows("SELECT number, fixes FROM unreadable") == [(first.number, 1)]

    async def test_tidy(self) -> None:
        """A spool that was emptied gives the disk back."""
        for second in range(10):
            await self.filled([second], attributes=HEAVY)
        assert self.size() > 1_000_000
        await self.spool.forget(await self.spool.first())
        await self.spool.tidy()
        assert self.size() < 100_000


class FullSpoolTest(SpoolCase):
    most_mb = 1

    async def test_full(self) -> None:
        """At its size the spool takes no more and says so, keeps what it has, and has room again once some is stored."""
        taken = 0
        with self.assertRaises(SpoolFull):
            while taken < 100:
                await self.spool.append(parcel(BUS, at(BUS, taken, attributes=HEAVY)))
                taken += 1
        assert (self.spool.is_full, self.spool.fixes) == (True, taken)
        assert 5 <= taken <= 8, "a parcel has its attributes twice: in the fix and as raw_data"
        assert self.spool.path.stat().st_size <= 2**20
        await self.spool.forget((await self.spool.first())[:2])
        assert not self.spool.is_full
        await self.filled([98], attributes=HEAVY)
        assert await self.times() == [*map(float, range(2, taken)), 98.0]


APPENDING = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from tests.storage import at, parcel
from tests.storage.test_spool import BUS
from waygps.storage.spool import Spool

async def go():
    for second in range(1_000_000):
        await spool.append(parcel(BUS, at(BUS, second)))
        print(second, flush=True)

spool = Spool(reactor, Path(sys.argv[1]), 64)
spool.open()
spool.start()
reactor.callWhenRunning(lambda: ensureDeferred(go()))
reactor.run()
"""


class KilledTest(SpoolCase):
    async def test_killed(self) -> None:
        """After kill -9 in the middle of it, everything that was acknowledged is in the spool, and it opens undamaged."""
        command = [sys.executable, "-c", APPENDING, str(self.directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as child:
            assert child.stdout is not None
            told = [int(child.stdout.readline()) for _ in range(50)]
            child.send_signal(signal.SIGKILL)
            told += map(int, child.stdout.read().split())
        again = self.opened()
        assert again.fixes >= len(told)
        assert list(self.directory.glob("*damaged*")) == []
        kept = [(each.parcel.positions[0].time - NOON) // 1000 for each in await again.first()]
        assert kept[: len(told)] == told[: len(kept)]

    async def test_power_cut(self) -> None:
        """Where the power went while a parcel was being written, all before it are there, and it is not, not even in part."""
        await self.filled([0])
        log = self.directory / "spool.sqlite3-wal"
        before = log.stat().st_size
        await self.filled([1], attributes=HEAVY)
        file, written = self.spool.path.read_bytes(), log.read_bytes()
        self.spool.close()
        for end in (before, before + 1, before + 5000, len(written) - 1):
            self.spool.path.write_bytes(file)
            log.write_bytes(written[:end])
            self.spool = self.opened()
            assert (self.spool.fixes, await self.times()) == (1, [0.0])
            self.spool.close()
        assert list(self.directory.glob("*damaged*")) == []


class DiskTest(SpoolCase):
    async def test_table_gone(self) -> None:
        """A spool that cannot be used says so to everybody who waits, and takes parcels again when it can."""
        self.rows("ALTER TABLE parcels RENAME TO elsewhere")
        with self.assertRaises(SpoolUnavailable):
            await self.spool.append(parcel(BUS, at(BUS)))
        with self.assertRaises(SpoolUnavailable):
            await self.spool.first()
        assert (self.spool.fixes, self.spool.is_full) == (0, False)
        self.rows("ALTER TABLE elsewhere RENAME TO parcels")
        await self.filled([1])
        assert await self.times() == [1.0]
