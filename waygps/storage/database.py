"""The connections to PostgreSQL as one service, and what has to be true of the database before the first fix."""

from __future__ import annotations

from typing import Any

import psycopg2.extensions
from twisted.application.service import Service
from twisted.internet.task import LoopingCall

from waygps.storage.session import Session
from waygps.storage.vehicles import Vehicles

PARTITIONS_AHEAD = """SELECT asegurar_particion(now() + ahead * interval '1 month') FROM generate_series(0, 3) AS ahead"""
DAY = 86_400


def make_partitions(connection: psycopg2.extensions.connection) -> None:
    """Make this month's partition and the next three's. Blocking, for the start."""
    with connection, connection.cursor() as cursor:
        cursor.execute(PARTITIONS_AHEAD)


class DatabaseService(Service):
    """Opens the sessions in order, keeps the partitions ahead of the calendar, and closes everything at the end."""

    name = "database"

    def __init__(self, reactor: Any, sessions: list[Session], vehicles: Vehicles) -> None:
        self._reactor = reactor
        self._sessions = sessions
        self._vehicles = vehicles
        self._keeping = LoopingCall(self._make_partitions)
        self._keeping.clock = reactor

    async def startService(self) -> None:
        super().startService()
        for session in self._sessions:
            await session.start()
        await self._vehicles.start()
        self._keeping.start(DAY, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._keeping.running:
            self._keeping.stop()
        for session in self._sessions:
            session.stop()

    @property
    def is_up(self) -> bool:
        """Whether every session is connected."""
        return all(session.is_up for session in self._sessions)

    async def _make_partitions(self) -> None:
        await self._sessions[-1].query_patiently(PARTITIONS_AHEAD)
