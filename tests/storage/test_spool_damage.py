"""A spool whose file is not what it should be."""

from __future__ import annotations

from pathlib import Path

from tests.fakes import logged
from tests.postgres import clock
from tests.storage import HEAVY
from tests.storage.test_spool import SpoolCase
from waygps.errors import WayGPSError
from waygps.storage.spool import Spool


class DamageTest(SpoolCase):
    async def damaged(self, data: bytes, length: int | None = None, at: int = 0) -> None:
        """A file with 40 parcels has these bytes at this place, or is cut to this length, and is opened again."""
        await self.filled(range(40), attributes=dict.fromkeys("abcdefghij", "x" * 100))
        self.spool.close()
        content = bytearray(self.spool.path.read_bytes())
        content[at : at + len(data)] = data
        self.spool.path.write_bytes(content[:length])
        with logged() as lines:
            self.spool = self.opened()
        (aside,) = self.directory.glob("spool.sqlite3.damaged-*")
        assert [line for line in lines if "the spool is damaged" in line and str(aside) in line]
        assert aside.read_bytes() == bytes(content[:length])
        await self.filled([99])
        assert (self.spool.fixes, await self.times()) == (1, [99.0])

    async def test_garbage(self) -> None:
        """A file that is no database is put aside and said, and the server goes on with a new one."""
        await self.damaged(b"garbage" * 1000)

    async def test_truncated(self) -> None:
        """A file that lost its end is put aside whole for an operator, and the server goes on with a new one."""
        await self.damaged(b"", length=20_000)

    async def test_page_overwritten(self) -> None:
        """A file with a page of something else is put aside, and the server goes on with a new one."""
        await self.damaged(b"\xa5" * 4096, at=2 * 4096)

    async def test_unreadable_parcel(self) -> None:
        """A parcel that cannot be read is kept for an operator and said, and those around it come out."""
        await self.filled([0, 1, 2])
        self.rows("UPDATE parcels SET body = x'7b7d' WHERE number = 2")
        with logged() as lines:
            assert await self.times() == [0.0, 2.0]
        assert any("1 acknowledged fixes are kept in the table unreadable" in line for line in lines)
        assert self.rows("SELECT number, body FROM unreadable") == [(2, b"{}")]
        assert self.spool.fixes == 2

    async def test_overwritten_content(self) -> None:
        """Where only the content of a parcel was overwritten, that one is set aside and the others come out."""
        await self.filled([0])
        await self.filled([1], attributes=HEAVY)
        await self.filled([2])
        ((body,),) = self.rows("SELECT body FROM parcels WHERE number = 2")
        self.spool.close()
        content = self.spool.path.read_bytes()
        place = content.index(body[50_000:50_100])
        self.spool.path.write_bytes(content[:place] + b"\xff" * 100 + content[place + 100 :])
        self.spool = self.opened()
        assert await self.times() == [0.0, 2.0]
        assert self.rows("SELECT fixes FROM unreadable") == [(1,)]

    async def test_directory_that_cannot_be_had(self) -> None:
        """A data directory that cannot be used is said at the start, with the setting that names it."""
        file = self.directory / "file"
        file.touch()
        for directory in (file, file / "below", Path("/dev/null/x")):
            with self.assertRaises(WayGPSError) as caught:
                Spool(clock, directory, 8).open()
            assert "data_dir" in str(caught.exception)
