"""A connection that comes back by itself, against a PostgreSQL that is killed under it."""

from __future__ import annotations

import socket
from typing import Any

import psycopg2
from twisted.internet.defer import Deferred, ensureDeferred

from tests.ports import free_port
from tests.postgres import DatabaseTest, Server, clock, execute, pause, server, until
from tests.storage import at, locked, outcome_of, parcel, vehicle
from tests.storage.proxy import Proxy
from waygps.errors import StoreUnavailable
from waygps.storage import connection
from waygps.storage import session as sessions
from waygps.storage.session import Session
from waygps.storage.writer import BatchWriter

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'waygps'"

SLEEPING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
LOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class SessionTest(DatabaseTest):
    async def test_killed_while_idle(self) -> None:
        """A PostgreSQL that dies between two reports is noticed at once, and its return too, without a restart of WayGPS."""
        session = await self.session()
        server().crash()
        await until(lambda: not session.is_up, "the death is noticed")
        await self.fails(session.query("SELECT 1"))
        server().start()
        await until(lambda: session.is_up, "the connection is back")
        assert await session.query("SELECT 2") == [(2,)]

    async def test_killed_while_a_statement_runs(self) -> None:
        """A statement that PostgreSQL took to its grave fails, and the next ones work when it is back."""
        session = await self.session()
        running = outcome_of(session.query("SELECT pg_sleep(60)"))
        await until(lambda: self.rows(SLEEPING), "the statement runs")
        server().crash()
        await until(lambda: running, "the statement fails")
        assert isinstance(running[0], StoreUnavailable)
        server().start()
        await until(lambda: session.is_up, "the connection is back")
        assert await session.query("SELECT 3") == [(3,)]

    async def test_connection_ended_by_an_administrator(self) -> None:
        """pg_terminate_backend ends one connection, and it is back within moments."""
        session = await self.session()
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'waygps' AND datname = %s"
        self.rows(ended, self.url.split("/")[3].partition("?")[0])
        await until(lambda: not session.is_up, "the end is noticed")
        await until(lambda: session.is_up, "the connection is back")
        assert await session.query("SELECT 4") == [(4,)]

    async def test_patience(self) -> None:
        """What waits for PostgreSQL gets its rows when it is back."""
        session = await self.session()
        server().crash()
        waiting = outcome_of(ensureDeferred(session.query_patiently("SELECT 5")))
        await pause(0.3)
        assert waiting == []
        server().start()
        await until(lambda: waiting, "the rows come")
        assert waiting == [[(5,)]]

    async def test_start_without_a_server(self) -> None:
        """WayGPS started before PostgreSQL connects as soon as that is there."""
        server().crash()
        session = await self.session()
        assert not session.is_up
        server().start()
        await until(lambda: session.is_up, "the connection is there")
        assert await session.query("SELECT 6") == [(6,)]

    async def test_stop(self) -> None:
        """A stopped session has no connection left, and answers that it is stopping."""
        session = await self.session()
        assert self.rows(CONNECTIONS) == [(1,)]
        session.stop()
        await self.fails(session.query("SELECT 1"))
        await self.fails(ensureDeferred(session.query_patiently("SELECT 1")))
        await until(lambda: self.rows(CONNECTIONS) == [(0,)], "the connection is closed")
        assert not session.is_up

    async def test_stop_while_away(self) -> None:
        """A session stopped while PostgreSQL is away tries no more, logs no error, and is not there when PostgreSQL is back."""
        session = await self.session()
        server().crash()
        await until(lambda: not session.is_up, "the death is noticed")
        await pause(0.3)
        session.stop()
        server().start()
        await pause(1)
        assert self.rows(CONNECTIONS) == [(0,)]

    async def test_stop_while_a_statement_runs(self) -> None:
        """Stopping with a statement under way says that the store is away, not that something broke."""
        session = await self.session()
        running = outcome_of(session.query("SELECT pg_sleep(60)"))
        await until(lambda: self.rows(SLEEPING), "the statement runs")
        session.stop()
        await until(lambda: running, "the statement fails")
        assert isinstance(running[0], StoreUnavailable)

    async def test_listen_after_recovery(self) -> None:
        """Changes are heard again after PostgreSQL was away, without anybody asking."""
        session = await self.session()
        heard: list[str] = []
        await session.listen("canal", heard.append)
        self.rows("SELECT pg_notify('canal', 'antes')")
        await until(lambda: heard == ["antes"], "the first notice")
        server().crash()
        await until(lambda: not session.is_up, "the death is noticed")
        server().start()
        await until(lambda: session.is_up, "the connection is back")
        await session.query("SELECT 1")
        self.rows("SELECT pg_notify('otro', 'x'), pg_notify('canal', 'después')")
        await until(lambda: len(heard) > 1, "the second notice")
        assert heard == ["antes", "después"]

    async def test_host_by_name(self) -> None:
        """A database on a named host is reached at whichever of its addresses it listens, and found again by its name."""
        own, port = Server(), free_port()
        self.addCleanup(own.remove)
        own.listen(port, "host all all 127.0.0.1/32 trust")
        session = await self.started(Session(clock, f"postgresql://postgres@localhost:{port}/postgres", "prueba"))
        assert await session.query("SELECT inet_server_port()") == [(port,)]
        own.crash()
        await until(lambda: not session.is_up, "the death is noticed")
        own.start()
        await until(lambda: session.is_up, "the connection is back")
        assert await session.query("SELECT inet_server_port()") == [(port,)]

    async def test_host_that_nobody_knows(self) -> None:
        """A name that cannot be looked up is a database that is away: it is tried again, and a stop ends that."""
        session = await self.started(Session(clock, "postgresql://gps@nowhere.invalid/gps", "prueba"))
        await self.fails(session.query("SELECT 1"))
        await pause(0.3)
        assert not session.is_up

    async def test_statement_over_the_limit(self) -> None:
        """A statement that waits for a lock longer than the patience fails, and the session works again afterwards."""
        session = await self.started(Session(clock, self.url, "prueba", 0.3))
        vehicle(self.url)
        with locked(self.url, "moviles"):
            await self.fails(session.query("SELECT * FROM moviles"))
        await until(lambda: session.is_up, "the connection is there")
        assert await session.query("SELECT imei FROM moviles") == [("356307042441013",)]

    async def test_server_that_falls_silent(self) -> None:
        """Where not even the end of a statement is heard the connection is dropped, and one that answers takes its place."""
        self.patch(sessions, "GRACE", 0.2)
        proxy = await Proxy(self.url).opened(self)
        session = await self.started(Session(clock, proxy.url, "prueba", 0.3))
        proxy.is_deaf = True
        await self.fails(session.query("SELECT 7"))
        assert not session.is_up
        proxy.is_deaf = False
        await until(lambda: session.is_up, "the connection is back", within=10)
        assert await session.query("SELECT 8") == [(8,)]

    async def test_server_that_never_answers(self) -> None:
        """A port that accepts and says nothing does not hold up the start, and is left alone after a stop."""
        self.patch(connection, "CONNECT_LIMIT", 0.3)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"postgresql://gps@127.0.0.1:{silent.getsockname()[1]}/gps"
            session = await self.started(Session(clock, url, "prueba"))
            assert not session.is_up
            await self.fails(session.query("SELECT 1"))
            session.stop()

    async def test_read_only(self) -> None:
        """A session that finds itself on a server that takes no writing connects anew, until it is where it can write."""
        name = self.url.split("/")[3].partition("?")[0]
        execute(server().url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        session = await self.session()
        await self.fails(session.query("INSERT INTO moviles (imei) VALUES ('x') RETURNING id"))
        execute(server().url, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await until(lambda: session.is_up, "the connection is back")
        assert len(await session.query("INSERT INTO moviles (imei) VALUES ('x') RETURNING id")) == 1

    async def test_refused_data(self) -> None:
        """Data that PostgreSQL refuses is not taken for a lost connection."""
        session = await self.session()
        outcome = outcome_of(session.query("SELECT 'x'::int"))
        await until(lambda: outcome, "the statement fails")
        assert isinstance(outcome[0], psycopg2.DataError)
        assert session.is_up

    async def test_settings(self) -> None:
        """An acknowledgement means durable, and times are UTC, also where the URL brings options of its own."""
        options = "-c%20statement_timeout%3D9s%20-c%20synchronous_commit%3Doff"
        session = await self.started(Session(clock, f"{self.url}&options={options}", "prueba"))
        shown = "SELECT current_setting('statement_timeout'), current_setting('timezone'), current_setting('synchronous_commit')"
        assert await session.query(shown) == [("9s", "UTC", "on")]

    async def test_told_at_once_while_away(self) -> None:
        """Reports that arrive while PostgreSQL is away are not held up for it: everybody is told."""
        bus = vehicle(self.url)
        session = await self.session()
        writer = BatchWriter(session, most=10)
        server().crash()
        writing = [outcome_of(writer.write(parcel(bus, at(bus, second)))) for second in range(20)]
        await until(lambda: all(writing), "everybody is told", within=3)
        assert {type(outcome) for (outcome,) in writing} == {StoreUnavailable}
        server().start()
        await until(lambda: session.is_up, "the connection is back")
        assert (await writer.write(parcel(bus, at(bus)))).new == 1

    async def test_stop_with_reports_waiting(self) -> None:
        """A stop in the middle of a commit leaves no report in doubt: each is told that it is not stored."""
        bus = vehicle(self.url)
        session = await self.session()
        writer = BatchWriter(session)
        self.enterContext(locked(self.url, "moviles"))
        writing = [outcome_of(writer.write(parcel(bus, at(bus, second)))) for second in range(3)]
        await until(lambda: self.rows(LOCKED), "the statement waits")
        session.stop()
        await until(lambda: all(writing), "everybody is told", within=3)
        assert [type(outcome) for (outcome,) in writing] == [StoreUnavailable] * 3

    async def fails(self, deferred: Deferred[Any]) -> None:
        """The Deferred fails because PostgreSQL is away."""
        outcome = outcome_of(deferred)
        await until(lambda: outcome, "the statement fails")
        assert isinstance(outcome[0], StoreUnavailable), outcome
