"""/ws/gps/ as a browser or a program sees it."""

from __future__ import annotations

import struct
from typing import Any

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from msgspec import json
from twisted.internet import defer, reactor
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.fakes import NOON, FakeProducer, a_fix, a_position, logged
from tests.live.telling import CLOSE, PING, PONG, TEXT, frames, texts
from waygps.config import Live
from waygps.errors import StoreUnavailable
from waygps.live.hub import Hub
from waygps.live.websocket import UNAVAILABLE, GpsFactory
from waygps.position import Vehicle

VAN, BUS = Vehicle(7, "A1", "AB123CD"), Vehicle(8, "B2", None)
UPGRADE = (
    "Host: gps.example:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
COOKIE = "Cookie: waygps_session=good\r\n"


class Database:
    """Answers at once, when the test says so, or not at all."""

    def __init__(self) -> None:
        self.away = False
        self.reading: defer.Deferred[str] = defer.succeed('[{"id": 7}]')

    async def user_of(self, token: str) -> str | None:
        if self.away:
            raise StoreUnavailable("the database is out of reach")
        return "ana" if token == "good" else None

    async def vehicles(self) -> str:
        return await self.reading


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a browser sends it."""
    return struct.pack(">BB4s", 0x80 | opcode, 0x80 | len(payload), b"\0\0\0\0") + payload


class SocketTests(SynchronousTestCase):
    live = Live()

    def setUp(self) -> None:
        self.database, self.hub = Database(), Hub()
        self.clock = Clock()
        origins = ("https://other.example",)
        self.factory = GpsFactory(
            self.hub, self.database.user_of, self.database.vehicles, origins, clock=self.clock, live=self.live
        )
        self.factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)

    def connect(self, path: str = "/ws/gps/", headers: str = COOKIE) -> str:
        """Ask for a WebSocket; gives the status line of the answer."""
        self.transport: Any = StringTransport()
        self.transport.registerProducer(FakeProducer(), True)  # as the HTTP channel is
        socket: Any = self.factory.buildProtocol(None)
        self.socket = socket
        socket.makeConnection(self.transport)
        socket.dataReceived(f"GET {path} HTTP/1.1\r\n{UPGRADE}{headers}\r\n".encode())
        self.head, _, rest = self.transport.value().partition(b"\r\n\r\n")
        self.transport.clear()
        self.transport.write(rest)
        return str(self.head.split(b"\r\n")[0].decode())

    def heard(self) -> list[Any]:
        """The messages since the last time."""
        data = self.transport.value()
        self.transport.clear()
        return texts(data)

    def say(self, payload: bytes) -> None:
        self.socket.dataReceived(frame(payload))

    def move(self, vehicle: Vehicle, lat: float = 1.0) -> None:
        self.hub.tell(vehicle, [a_position(vehicle, a_fix(NOON, lat))])

    def told(self) -> list[int]:
        """The vehicles of the updates since the last time."""
        return [message["mobile_id"] for message in self.heard()]

    def test_without_login(self) -> None:
        """Who is not logged in is refused with 401, whatever token they make up, and hears nothing."""
        for path, headers in (("/ws/gps/", ""), ("/ws/gps/?token=bad", ""), ("/ws/gps/", "Cookie: waygps_session=bad\r\n")):
            assert self.connect(path, headers).startswith("HTTP/1.1 401 "), (path, headers)
            assert len(self.hub) == 0

    def test_login(self) -> None:
        """The page comes in with its cookie, a program with ?token=."""
        assert self.connect().startswith("HTTP/1.1 101 ")
        assert self.connect("/ws/gps/?token=good", "").startswith("HTTP/1.1 101 ")
        assert len(self.hub) == 2

    def test_foreign_origin(self) -> None:
        """Another site's page is refused with 403 even when the browser sends the user's cookie along."""
        assert self.connect(headers=COOKIE + "Origin: https://evil.example\r\n").startswith("HTTP/1.1 403 ")
        assert len(self.hub) == 0

    def test_own_and_allowed_origin(self) -> None:
        """The server's own pages may connect, and those of the sites that the operator named."""
        for origin in ("http://gps.example:8000", "https://other.example"):
            assert self.connect(headers=f"{COOKIE}Origin: {origin}\r\n").startswith("HTTP/1.1 101 "), origin

    def test_database_away_at_login(self) -> None:
        """While the database is out of reach the answer is 503, not a refusal of the login."""
        self.database.away = True
        assert self.connect().startswith("HTTP/1.1 503 ")

    def test_initial_state_first(self) -> None:
        """A page gets all vehicles first, then the updates."""
        self.connect()
        self.move(VAN)
        first, second = self.heard()
        assert first == {"type": "initial_state", "mobiles": [{"id": 7}]}
        assert (second["type"], second["mobile_id"], second["data"]["latitud"]) == ("gps_update", 7, 1.0)

    def test_update_while_the_state_is_read(self) -> None:
        """A vehicle that moves while the initial state is read is not missed, and comes after it."""
        self.database.reading = defer.Deferred()
        self.connect()
        self.move(VAN)
        assert self.heard() == []
        self.database.reading.callback("[]")
        assert [message["type"] for message in self.heard()] == ["initial_state", "gps_update"]

    def test_subscribe(self) -> None:
        """A client that subscribes hears of those vehicles alone, until it unsubscribes."""
        self.connect()
        self.heard()
        self.say(b'{"type": "subscribe_mobile", "mobile_id": 8}')
        for vehicle in (VAN, BUS):
            self.move(vehicle)
        assert self.told() == [8]
        self.say(b'{"type": "unsubscribe_mobile", "mobile_id": 8}')
        self.move(BUS)
        assert self.told() == []

    def test_bad_message(self) -> None:
        """A message that is not understood is answered with an error, and the connection and its updates stay."""
        self.connect()
        self.heard()
        for payload in (b"{", b'{"type": "dance", "mobile_id": 7}', b"\xc3\xa9"):
            self.say(payload)
            (answer,) = self.heard()
            assert answer["type"] == "error"
            assert answer["message"].startswith("not understood: ")
        self.move(VAN)
        assert self.told() == [7]
        assert not self.transport.disconnecting

    def test_slow_client(self) -> None:
        """A client that does not read gets the newest update of each vehicle when it reads again, and holds up nobody."""
        self.connect()
        self.heard()
        self.transport.producer.pauseProducing()
        for lat in range(50):
            self.move(VAN, float(lat))
        assert self.heard() == []
        self.transport.producer.resumeProducing()
        (update,) = self.heard()
        assert update["data"]["latitud"] == 49.0

    def test_alert(self) -> None:
        """An alert reaches every client after its initial state, also one that watches a single vehicle."""
        self.database.reading = defer.Deferred()
        self.connect()
        self.say(b'{"type": "subscribe_mobile", "mobile_id": 8}')
        self.hub.alert("base_de_datos_fuera", "PostgreSQL is out of reach")
        assert self.heard() == []
        self.database.reading.callback("[]")
        state, alert = self.heard()
        assert state["type"] == "initial_state"
        assert alert == {"type": "system_alert", "alert_type": "base_de_datos_fuera", "message": "PostgreSQL is out of reach"}

    def test_slow_client_and_alerts(self) -> None:
        """A client that did not read while the database went and came gets one alert of each kind, the present state last."""
        self.connect()
        self.heard()
        self.transport.producer.pauseProducing()
        for _ in range(20):
            self.hub.alert("base_de_datos_fuera", "PostgreSQL is out of reach")
            self.move(VAN)
            self.hub.alert("base_de_datos_de_vuelta", "PostgreSQL is back")
        self.transport.producer.resumeProducing()
        kinds = [message.get("alert_type", message["type"]) for message in self.heard()]
        assert sorted(kinds) == ["base_de_datos_de_vuelta", "base_de_datos_fuera", "gps_update"]
        assert kinds[-1] == "base_de_datos_de_vuelta"

    def test_status(self) -> None:
        """A client hears that a device went away if it wants that vehicle, and not if it does not."""
        self.connect()
        self.heard()
        self.hub.status(7, "desconectado")
        assert self.heard() == [{"type": "mobile_status", "mobile_id": 7, "status": "desconectado"}]
        self.say(b'{"type": "subscribe_mobile", "mobile_id": 8}')
        self.hub.status(7, "conectado")
        self.hub.status(8, "error")
        assert self.heard() == [{"type": "mobile_status", "mobile_id": 8, "status": "error"}]

    def test_slow_client_and_states(self) -> None:
        """A client that does not read gets the newest position and the newest state of a vehicle, the present state last."""
        self.connect()
        self.heard()
        self.transport.producer.pauseProducing()
        for lat in range(20):
            self.hub.status(7, "conectado")
            self.move(VAN, float(lat))
            self.hub.status(7, "desconectado")
        self.transport.producer.resumeProducing()
        update, state = self.heard()
        assert update["data"]["latitud"] == 19.0
        assert state == {"type": "mobile_status", "mobile_id": 7, "status": "desconectado"}

    def test_slow_client_that_complains(self) -> None:
        """A client that sends nonsense and never reads the answers does not fill the server's memory."""
        self.connect()
        self.heard()
        self.transport.producer.pauseProducing()
        for _ in range(1000):
            self.say(b"{")
        assert len(self.heard()) < 10

    def test_leaves(self) -> None:
        """A client that is gone is told nothing more."""
        self.connect()
        self.socket.connectionLost(connectionDone)
        assert len(self.hub) == 0

    def test_leaves_while_the_state_is_read(self) -> None:
        """A page that is closed before its initial state came breaks nothing."""
        self.database.reading = defer.Deferred()
        self.connect()
        self.socket.connectionLost(connectionDone)
        with logged() as lines:
            self.database.reading.callback("[]")
        assert lines == []
        assert self.heard() == []

    def closed(self) -> int:
        """The code of the close that the client receives."""
        ((_, payload),) = [sent for sent in frames(self.transport.value()) if sent[0] == CLOSE]
        return int.from_bytes(payload[:2], "big")

    def test_state_cannot_be_read(self) -> None:
        """When the database goes away in that moment the client is told to come again later."""
        self.database.reading = defer.fail(StoreUnavailable("the database is out of reach"))
        self.connect()
        assert self.closed() == UNAVAILABLE

    def test_log_out(self) -> None:
        """Who logs out is told on every connection that the session has ended."""
        self.connect()
        self.hub.end_session(self.socket.session)
        assert self.closed() == 4401
        with logged() as lines:
            self.move(VAN)
        assert lines == []

    def watch_area(self, south: float, west: float, north: float, east: float) -> None:
        self.say(json.encode({"type": "subscribe_area", "sur": south, "oeste": west, "norte": north, "este": east}))

    def test_area(self) -> None:
        """A page hears of the vehicles on the map that it shows, those that are there already at once."""
        self.connect()
        self.say(b'{"type": "subscribe_mobile", "mobile_id": 99}')
        self.move(VAN, -34.6)
        self.move(BUS, 40.0)
        assert [message["type"] for message in self.heard()] == ["initial_state"]
        self.watch_area(-35, -59, -34, -58)
        assert self.told() == [7]
        self.watch_area(39, -59, 41, -58)
        assert self.told() == [8]
        self.move(VAN, -34.6)
        self.move(BUS, 45.0)
        self.move(BUS, 46.0)
        assert self.told() == [8]

    def test_area_of_a_page_that_heard_of_all(self) -> None:
        """A page that heard of all vehicles is not told again what it knows when it narrows to its map, or widens again."""
        self.connect()
        self.move(VAN, -34.6)
        self.heard()
        self.watch_area(-35, -59, -34, -58)
        assert self.told() == []
        self.hub.status(7, "desconectado")
        self.hub.status(8, "desconectado")
        assert self.told() == [7]
        self.move(BUS, 40.0)
        self.say(b'{"type": "subscribe_all"}')
        assert self.told() == [8]

    def test_area_upside_down(self) -> None:
        """A rectangle whose south is north is refused with the reason, and changes nothing."""
        self.connect()
        self.heard()
        self.watch_area(10, 0, 5, 1)
        (answer,) = self.heard()
        assert answer["message"] == "not understood: sur is north of norte"
        self.move(VAN)
        assert self.told() == [7]

    def test_compact(self) -> None:
        """A program that asks for arrays gets them, with the names of the values once, in the answer."""
        self.connect()
        self.heard()
        self.say(b'{"type": "options", "compact": true, "trail": true}')
        (options,) = self.heard()
        self.move(VAN, 2.0)
        (batch,) = self.heard()
        assert (options["type"], options["interval"], options["heartbeat"]) == ("options", 1.0, 0)
        ((*values, trail),) = batch["updates"]
        named = dict(zip(options["fields"], values, strict=True))
        assert (batch["type"], named["mobile_id"], named["latitud"], trail) == ("gps_batch", 7, 2.0, [])

    def test_compressed(self) -> None:
        """A browser that takes compressed messages gets large ones so, and small ones as they are."""
        self.database.reading = defer.succeed("[" + ",".join(['{"id": 7}'] * 1000) + "]")
        self.connect(headers=COOKIE + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
        assert b"client_no_context_takeover" in self.head
        assert len(self.transport.value()) < 1000
        (state,) = self.heard()
        assert len(state["mobiles"]) == 1000
        self.move(VAN)
        assert self.transport.value()[0] == 0x81
        assert self.told() == [7]

    def test_compression_that_cannot_be(self) -> None:
        """A client that offers another compression is served without."""
        assert self.connect(headers=COOKIE + "Sec-WebSocket-Extensions: x-snappy\r\n").startswith("HTTP/1.1 101 ")
        assert b"extensions" not in self.head.lower()

    def test_connections_of_a_user(self) -> None:
        """The sixth page of a user is closed with 4429 and the reason; when another one is closed there is room again."""
        sockets = []
        for _ in range(5):
            self.connect()
            sockets.append(self.socket)
        self.connect()
        assert self.closed() == 4429
        assert b"at most 5 connections a user" in self.transport.value()
        self.socket.connectionLost(connectionDone)
        sockets[0].connectionLost(connectionDone)
        self.connect()
        assert [message["type"] for message in self.heard()] == ["initial_state"]

    def test_too_many_messages(self) -> None:
        """A client that sends without end is closed with 4429; one that sends as often as it may is not."""
        self.connect()
        self.heard()
        for _ in range(100):
            self.say(b'{"type": "subscribe_all"}')
            self.clock.advance(0.1)
        assert not list(frames(self.transport.value()))
        for _ in range(60):
            self.say(b'{"type": "subscribe_all"}')
        assert self.closed() == 4429

    def test_pings_count(self) -> None:
        """A client that pings without end is closed too; one that does not read is not even answered."""
        self.connect()
        self.heard()
        self.socket.dataReceived(frame(b"x", PING))
        assert list(frames(self.transport.value())) == [(PONG, b"x")]
        self.transport.clear()
        self.transport.producer.pauseProducing()
        for _ in range(40):
            self.socket.dataReceived(frame(b"x", PING))
        assert self.transport.value() == b""
        for _ in range(20):
            self.socket.dataReceived(frame(b"x", PING))
        assert self.closed() == 4429

    def test_silent_client(self) -> None:
        """A client that answers no ping is closed after 30 s with 4408; one that answers stays."""
        self.connect()
        self.heard()
        for _ in range(5):
            self.clock.advance(15)
            assert [opcode for opcode, _ in frames(self.transport.value())] == [PING]
            self.transport.clear()
            self.socket.dataReceived(frame(b"", PONG))
        self.clock.advance(15)
        self.clock.advance(15)
        assert self.closed() == 4408

    def test_stalled_client(self) -> None:
        """A client that does not read is closed after a minute with 4408, and one that reads now and then stays."""
        self.connect()
        self.heard()
        self.transport.producer.pauseProducing()
        self.clock.pump([15, 15, 15])
        assert self.transport.value() == b""
        self.transport.producer.resumeProducing()
        self.clock.advance(0.1)
        self.socket.dataReceived(frame(b"", PONG))
        self.transport.producer.pauseProducing()
        self.clock.pump([15, 15, 15])
        assert not self.transport.value()
        self.clock.advance(15)
        self.clock.advance(15)
        assert self.closed() == 4408

    def test_heartbeat(self) -> None:
        """A page that asks for it hears from the server in the words of its own protocol, as often as the answer says."""
        self.connect()
        self.heard()
        self.say(b'{"type": "options", "heartbeat": true}')
        (options,) = self.heard()
        assert options["heartbeat"] == 15
        self.clock.advance(15)
        assert self.heard() == [{"type": "heartbeat"}]

    def test_own_interval(self) -> None:
        """A program that wants news every ten seconds gets them so."""
        self.connect()
        self.heard()
        self.say(b'{"type": "options", "interval": 10}')
        self.heard()
        for lat in range(5):
            self.move(VAN, float(lat))
        assert [message["data"]["latitud"] for message in self.heard()] == [0.0]
        self.clock.advance(10)
        assert [message["data"]["latitud"] for message in self.heard()] == [4.0]


class Watcher(WebSocketClientProtocol):
    """A program that watches, with Autobahn's client."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.messages.put(json.decode(payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.factory.closed.callback(reason)


class ServedTests(TestCase):
    """On a real port, behind the web site."""

    def setUp(self) -> None:
        database, self.hub = Database(), Hub()
        websockets = Resource()
        websockets.putChild(b"gps", WebSocketResource(GpsFactory(self.hub, database.user_of, database.vehicles, clock=reactor)))
        root = Resource()
        root.putChild(b"ws", websockets)
        network: Any = reactor
        port = network.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.number = port.getHost().port

    def watch(self, token: str) -> Any:
        factory: Any = WebSocketClientFactory(f"ws://127.0.0.1:{self.number}/ws/gps/?token={token}")
        factory.protocol, factory.noisy = Watcher, False
        factory.messages, factory.closed = defer.DeferredQueue(), defer.Deferred()
        network: Any = reactor
        self.connector = network.connectTCP("127.0.0.1", self.number, factory)
        return factory

    @defer.inlineCallbacks
    def test_watch(self) -> Any:
        """A program with a token gets the initial state and then every update, over the web port."""
        watcher = self.watch("good")
        assert (yield watcher.messages.get()) == {"type": "initial_state", "mobiles": [{"id": 7}]}
        self.hub.tell(VAN, [a_position(VAN, a_fix())])
        update = yield watcher.messages.get()
        assert (update["type"], update["mobile_id"]) == ("gps_update", 7)
        self.connector.disconnect()
        yield watcher.closed

    @defer.inlineCallbacks
    def test_refused(self) -> Any:
        """A program with a wrong token is told 401 and why."""
        reason = yield self.watch("bad").closed
        assert "401" in reason
        assert "log in first" in reason
