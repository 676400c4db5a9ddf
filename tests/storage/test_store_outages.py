"""What PostgreSQL can suffer short of a crash, and what the spool can: nothing is lost, and nothing is double."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from tests.postgres import execute, server, until
from tests.storage import HEAVY, NOON, at, locked, outcome_of, parcel
from tests.storage.proxy import Proxy
from tests.storage.storing import StoreCase
from waygps.fix import Message
from waygps.position import Stored, refused

DISK_FULL = """
CREATE FUNCTION disco_lleno() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER disco_lleno BEFORE INSERT ON posiciones_recientes FOR EACH STATEMENT EXECUTE FUNCTION disco_lleno();
"""


class OutageTest(StoreCase):
    async def test_lock_storm(self) -> None:
        """While another program holds the tables beyond the patience, reports are acknowledged, and stored when it lets go."""
        with locked(self.url, "moviles"):
            await self.spooled(range(5))
            assert self.history() == []
        await self.drained()
        assert self.history() == list(range(5))

    async def test_disk_of_postgresql_full(self) -> None:
        """A PostgreSQL that answers but cannot store counts as away, told once, until it stores again."""
        self.rows(DISK_FULL)
        await self.spooled(range(3))
        await self.spooled(range(3, 6))
        self.rows("DROP TRIGGER disco_lleno ON posiciones_recientes")
        await self.drained()
        assert sorted(self.history()) == list(range(6))
        assert self.alerts == ["base_de_datos_fuera", "base_de_datos_de_vuelta"]

    async def test_read_only(self) -> None:
        """On a server that takes no writing reports wait in the spool until there is one that does."""
        with self.read_only():
            await self.again()
            await self.spooled(range(4))
        await self.drained()
        assert self.history() == list(range(4))

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Whoever connects meanwhile cannot write."""
        name = self.url.split("/")[3].partition("?")[0]
        self.stop()
        execute(server().url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        yield
        execute(server().url, f"ALTER DATABASE {name} RESET default_transaction_read_only")

    async def test_commit_that_was_not_heard(self) -> None:
        """A report whose commit was not heard, because the connection was cut, is in the history once."""
        self.stop()
        proxy = await Proxy(self.url).opened(self)
        await self.again(proxy.url)
        proxy.is_deaf = True
        outcome = self.write(5)
        await until(self.history, "it is committed")
        proxy.is_deaf = False
        proxy.cut()
        await until(lambda: outcome, "it is acknowledged")
        assert isinstance(outcome[0], Stored)
        await self.drained()
        assert self.history() == [5]

    async def test_parcel_that_no_database_takes(self) -> None:
        """A report in the spool that cannot be stored at all is kept for an operator, and those around it are stored."""
        await self.crash()
        await self.spooled(range(3))
        apart = replace(refused(Message(device="x", raw=b"raw"), at(self.bus).fix, "no JSON", NOON), fix="no JSON")
        poison = outcome_of(self.store.write(parcel(self.bus, refused=[apart])))
        await until(lambda: poison, "it is acknowledged")
        await self.spooled(range(3, 6))
        server().start()
        await self.drained()
        assert sorted(self.history()) == list(range(6))
        assert len(self.flushLoggedErrors()) == 1

    async def test_device_that_cannot_be_registered(self) -> None:
        """A device whose name the database cannot hold stops nobody else's reports from leaving the spool."""
        await self.crash()
        await self.spooled(range(2), replace(self.bus, id=0, imei="x" * 40))
        await self.spooled(range(2, 4))
        server().start()
        await self.drained()
        assert self.history() == [2, 3]
        assert len(self.flushLoggedErrors()) == 2


class FullTest(StoreCase):
    most_mb = 1

    async def test_both_out_of_reach(self) -> None:
        """With the spool full and PostgreSQL away nobody is answered; when PostgreSQL is back everybody is."""
        await self.crash()
        heavy = [at(self.bus, second, attributes=HEAVY) for second in range(12)]
        outcomes = [outcome_of(self.store.write(parcel(self.bus, each))) for each in heavy]
        await until(lambda: "cola_llena" in self.alerts, "the alarm is raised")
        assert 0 < len([outcome for outcome in outcomes if outcome]) < 12
        assert self.store.spooled()["lleno"] is True
        server().start()
        await until(lambda: all(outcomes), "everybody is answered", within=20)
        await self.drained()
        assert sorted(self.history()) == list(range(12))
        assert self.alerts == ["base_de_datos_fuera", "cola_llena", "base_de_datos_de_vuelta"]

    async def test_spool_broken(self) -> None:
        """A spool that cannot be used keeps no report from a PostgreSQL that is back, one of a new device included."""
        await self.crash()
        self.spool_sql("ALTER TABLE parcels RENAME TO elsewhere")
        outcomes = [self.write(0), self.write(1, replace(self.bus, id=0, imei="nuevo"))]
        await until(lambda: "cola_llena" in self.alerts, "the alarm is raised")
        server().start()
        await until(lambda: all(outcomes), "everybody is answered")
        assert sorted(self.history()) == [0, 1]

    async def test_spool_has_room_again(self) -> None:
        """When the spool can be used again while PostgreSQL is away, who waited is answered."""
        await self.crash()
        self.spool_sql("ALTER TABLE parcels RENAME TO elsewhere")
        outcome = self.write()
        await until(lambda: "cola_llena" in self.alerts, "the alarm is raised")
        assert outcome == []
        self.spool_sql("ALTER TABLE elsewhere RENAME TO parcels")
        await until(lambda: outcome, "it is acknowledged")
        assert self.spool.fixes == 1
