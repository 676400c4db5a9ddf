"""Several processes on one Redis: what one knows the others' pages show."""

from __future__ import annotations

from typing import Any

from msgspec import json
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.fakes import a_fix, a_position, logged
from tests.postgres import clock, until
from tests.redis import Redis
from waygps.errors import ConfigurationError
from waygps.live.batch import Batch
from waygps.live.bus import RedisBus
from waygps.live.hub import Hub
from waygps.live.messages import plain
from waygps.live.update import Update
from waygps.position import Vehicle

VAN = Vehicle(7, "A1", "AB 123 CD")


class FakeClient:
    """A browser that reads everything."""

    session = b"secret"

    def __init__(self) -> None:
        self.heard: list[tuple[int | str, Any]] = []
        self.ended: list[int] = []

    def take(self, batch: Batch) -> None:
        for item in batch.items:
            message = plain(item, trail=False) if isinstance(item, Update) else item.message
            self.heard.append((item.vehicle, json.decode(message)))

    def alert(self, kind: str, message: bytes) -> None:
        self.heard.append((kind, json.decode(message)))

    def end(self, code: int, reason: str) -> None:
        self.ended.append(code)


class BusTest(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.redis = Redis()
        self.redis.start()
        self.addCleanup(self.redis.stop)
        self.here, self.there = await self.bus(), await self.bus()

    async def bus(self) -> RedisBus:
        """A process's bus, in reach."""
        bus = RedisBus(clock, self.redis.url, "waygps-test")
        bus.startService()
        self.addCleanup(self.ended, bus)
        await until(lambda: bus.is_up, "the bus is in reach")
        return bus

    def ended(self, bus: RedisBus) -> Deferred[Any] | None:
        """Stop it, unless the test did."""
        return bus.stopService() if bus.running else None

    async def test_what_one_tells_the_others_hear(self) -> None:
        """Every other process hears it once and in order; who told it does not."""
        third, heard = await self.bus(), list[tuple[str, bytes]]()
        for name, bus in (("here", self.here), ("there", self.there), ("third", third)):
            bus.subscribe("x", lambda payload, name=name: heard.append((name, payload)))  # type: ignore[misc]
        for payload in (b"1", b"2", b"\xff\x00"):
            self.here.publish("x", payload)
        self.here.publish("y", b"nobody listens")
        await until(lambda: len(heard) == 6, "both hear all three")
        for name in ("there", "third"):
            assert [payload for who, payload in heard if who == name] == [b"1", b"2", b"\xff\x00"]

    async def test_pages_of_another_process(self) -> None:
        """A page served by one process shows the vehicles, states and alerts of another, as its own would."""
        hub, other, client = Hub(self.here), Hub(self.there), FakeClient()
        other.join(client)
        hub.tell(VAN, [a_position(VAN, a_fix())])
        hub.status(VAN.id, "desconectado")
        hub.alert("cola_llena", "full")
        await until(lambda: len(client.heard) == 3, "the page has all three")
        assert [(key, message["type"]) for key, message in client.heard] == [
            (VAN.id, "gps_update"),
            (VAN.id, "mobile_status"),
            ("cola_llena", "system_alert"),
        ]

    async def test_logout_everywhere(self) -> None:
        """Who logs out at one process is logged out of the pages that another serves."""
        hub, other, client = Hub(self.here), Hub(self.there), FakeClient()
        other.join(client)
        hub.end_session(b"secret")
        await until(lambda: client.ended, "the page is closed")

    async def test_redis_dies(self) -> None:
        """While Redis is away nothing waits for it and nothing grows; when it is back everybody is told to look at PostgreSQL."""
        recovered, heard = list[str](), list[bytes]()
        self.there.on_recovery(lambda: recovered.append("there"))
        self.there.subscribe("x", heard.append)
        self.redis.crash()
        await until(lambda: not (self.here.is_up or self.there.is_up), "the death is noticed")
        for _ in range(100):
            self.here.publish("x", b"lost")
        await until(lambda: self.here.dropped == 100, "it is dropped")
        self.redis.start()
        await until(lambda: self.here.is_up and self.there.is_up and bool(recovered), "the bus is back")
        self.here.publish("x", b"again")
        await until(lambda: b"again" in heard, "it carries again")
        assert heard == [b"again"]

    async def test_one_listeners_fault(self) -> None:
        """A message that one listener cannot take is said, and the next listener has it."""
        heard: list[bytes] = []
        self.there.subscribe("x", lambda payload: [][1])
        self.there.subscribe("x", heard.append)
        self.here.publish("x", b"1")
        await until(lambda: heard, "the other has it")
        assert len(self.flushLoggedErrors(IndexError)) == 1

    async def test_foreign_message(self) -> None:
        """Another program on the same channel is said in the log, and disturbs nobody."""
        with logged() as lines:
            self.there.heard(b"{}")
        assert lines[0].startswith("the bus carries what is not WayGPS'")

    def test_addresses(self) -> None:
        """An address that is none is told with what it should be, before anything starts."""
        for url in ("localhost:6379", "redis://", "http://localhost", "redis://host:x"):
            with self.assertRaises(ConfigurationError) as caught:
                RedisBus(clock, url, "waygps")
            assert "redis://[user:password@]host[:port]" in str(caught.exception)
