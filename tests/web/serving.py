"""The whole web port, served on a free port of 127.0.0.1 from a real database, and a client for it."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from tests.postgres import DatabaseTest, clock, connected, until
from waygps.config import Quarantine as Bounds
from waygps.config import Tiles, Web
from waygps.ingest.findings import Finding
from waygps.ingest.receivers import ReceiverService
from waygps.ingest.valve import Valve
from waygps.live.hub import Hub
from waygps.live.websocket import GpsFactory
from waygps.storage.accounts import Accounts, set_password
from waygps.storage.captured import Captured
from waygps.storage.database import DatabaseService
from waygps.storage.fleet import Fleet
from waygps.storage.quarantine import Quarantine
from waygps.storage.receiver_rows import ReceiverRows
from waygps.storage.session import Session
from waygps.storage.spool import Spool
from waygps.storage.store import Store
from waygps.storage.vehicles import Vehicles
from waygps.storage.writer import BatchWriter
from waygps.web.api import API
from waygps.web.health import Health
from waygps.web.quarantine import QuarantineAPI
from waygps.web.receivers import ReceiversAPI
from waygps.web.running import Running
from waygps.web.site import Pages, make_site
from waygps.web.throttle import Throttle

LOGIN = {"usuario": "ana", "clave": "clave de ana"}


class Answer(msgspec.Struct):
    """What the client got."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """The header's value; "" where it is not there."""
        return (self.headers.getRawHeaders(name) or [""])[0]

    @property
    def json(self) -> Any:
        """The body, which has to be JSON and say so."""
        assert self.header("content-type") == "application/json; charset=utf-8", self
        return msgspec.json.decode(self.body)


class Body(Protocol):
    """Gathers the body of an answer."""

    def __init__(self) -> None:
        self._data = b""
        self._whole: Deferred[bytes] = Deferred()

    @classmethod
    def of(cls, response: Any) -> Deferred[bytes]:
        """The body of this response."""
        body = cls()
        response.deliverBody(body)
        return body._whole

    def dataReceived(self, data: bytes) -> None:
        self._data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ResponseDone, PotentialDataLoss):
            self._whole.callback(self._data)
        else:
            self._whole.errback(reason)


class Watcher(WebSocketClientProtocol):
    """A client of /ws/gps/ that keeps what it is told, and fires ``closed`` with the code."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []
        self.closed: Deferred[int | None] = Deferred()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.append(msgspec.json.decode(payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.closed.callback(code)


class WebTest(DatabaseTest):
    """A test with a web port, ``ana`` who may log in, and the hub behind the WebSockets."""

    settings = Web(tiles=Tiles(url="https://{s}.tiles.example/{z}/{x}/{y}.png"))

    most_mb = 8
    """Megabytes of the spool."""

    ports: Mapping[str, int] = {}
    """Ports that the configuration has for vendors."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        connection = connected(self.url)
        connection.autocommit = False
        set_password(connection, LOGIN["usuario"], LOGIN["clave"])
        connection.close()
        self.receivers: list[ReceiverService] = []
        await self._serve()
        self._agent = Agent(clock)

    async def _serve(self) -> None:
        writing, reading, asking = (Session(clock, self.url, name) for name in ("writer", "web", "vehicles"))
        vehicles = Vehicles(asking)
        self.database = DatabaseService(clock, [writing, asking, reading], vehicles)
        self.addCleanup(self.database.stopService)
        await self.database.startService()
        self._keep(BatchWriter(writing), vehicles, asking)
        accounts, fleet, self.hub, self.time = Accounts(reading, 12), Fleet(reading), Hub(), Clock()
        self.valve = Valve(10)
        self.health = Health("9.9", self.database, self.store, self.valve, self.receivers, self.hub)
        throttle = Throttle(self.time.seconds)
        quarantine = QuarantineAPI(accounts, Captured(reading))
        self.findings: list[Finding] = []
        running = Running(self.receivers, self.findings, self.ports, ("lines",))
        receivers = ReceiversAPI(accounts, ReceiverRows(reading), running)
        api = API(accounts, fleet, self.health, throttle, self.hub.end_session, self.settings, quarantine, receivers)
        gps = WebSocketResource(GpsFactory(self.hub, accounts.user_of, fleet.vehicles, clock=clock))
        site = make_site(Pages(accounts).app.resource(), api.app.resource(), {"gps": gps}, self.settings)
        port = clock.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port: int = port.getHost().port

    def _keep(self, writer: BatchWriter, vehicles: Vehicles, asking: Session) -> None:
        """The store, with a spool of its own."""
        directory = TemporaryDirectory(prefix="waygps-tests-")
        self.addCleanup(directory.cleanup)
        self.spool = Spool(clock, Path(directory.name), self.most_mb)
        self.spool.open()
        quarantine = Quarantine(asking, Bounds(), clock.seconds)
        self.store = Store(clock, writer, self.spool, vehicles, quarantine, lambda kind, text: None)
        self.store.startService()
        self.addCleanup(self.store.stopService)

    async def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> Answer:
        """Ask the server; a body that is not bytes is sent as JSON. Header names are written with _ for -."""
        given = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})
        producer = None
        if body is not None:
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)
            producer = FileBodyProducer(BytesIO(data))
            if not given.hasHeader("content-type"):
                given.setRawHeaders("content-type", ["application/json"])
        url = f"http://127.0.0.1:{self.port}{path}".encode()
        response: Any = await self._agent.request(method.encode(), url, given, producer)
        return Answer(response.code, response.headers, await Body.of(response))

    async def log_in(self) -> str:
        """The token of a new login of ana."""
        answer = await self.ask("/api/login", "POST", LOGIN)
        assert answer.status == 200, answer
        token: str = answer.json["token"]
        return token

    async def watch(self, token: str) -> Watcher:
        """A WebSocket of this login, which has its initial state."""
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{self.port}/ws/gps/?token={token}")
        factory.protocol = Watcher
        watcher: Any = await HostnameEndpoint(clock, "127.0.0.1", self.port).connect(factory)
        await until(lambda: watcher.messages or watcher.closed.called, "the initial state comes")
        self.addCleanup(watcher.transport.loseConnection)
        assert isinstance(watcher, Watcher)
        return watcher
