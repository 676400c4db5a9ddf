"""/ws/status/ as who looks after the server sees it."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import connect

from tests.fakes import FakeProducer, a_fix, a_position
from tests.live.telling import texts
from tests.live.test_websocket import COOKIE, UPGRADE, Database, frame
from tests.system.server import ServerCase
from waygps.config import Live
from waygps.live.hub import Hub
from waygps.live.status import StatusFactory
from waygps.live.websocket import users_of
from waygps.position import Vehicle


class StatusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.hub, live = Clock(), Hub(), Live()
        users = users_of(live, self.clock)
        self.factory = StatusFactory(self.hub, Database().user_of, lambda: {"estado": "ok"}, users, self.clock, live)
        self.factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)

    def connect(self, headers: str = COOKIE) -> str:
        """Ask for a WebSocket; gives the answer's head."""
        self.transport: Any = StringTransport()
        self.transport.registerProducer(FakeProducer(), True)
        socket: Any = self.factory.buildProtocol(None)
        self.socket = socket
        socket.makeConnection(self.transport)
        socket.dataReceived(f"GET /ws/status/ HTTP/1.1\r\n{UPGRADE}{headers}\r\n".encode())
        head, _, rest = self.transport.value().partition(b"\r\n\r\n")
        self.transport.clear()
        self.transport.write(rest)
        return str(head.decode())

    def heard(self) -> list[Any]:
        """The messages since the last time."""
        data = self.transport.value()
        self.transport.clear()
        return texts(data)

    def test_without_login(self) -> None:
        """Who is not logged in learns nothing of the server."""
        assert self.connect("").startswith("HTTP/1.1 401 ")

    def test_periodic(self) -> None:
        """The state comes at once and every five seconds, until the client is gone."""
        self.connect()
        state = {"type": "system_status", "data": {"estado": "ok"}}
        assert self.heard() == [state]
        self.clock.advance(4.9)
        assert self.heard() == []
        self.clock.advance(0.1)
        assert self.heard() == [state]
        self.socket.connectionLost(connectionDone)
        assert self.clock.getDelayedCalls() == []

    def test_alerts_and_no_vehicles(self) -> None:
        """Alerts come at once; vehicles are for /ws/gps/."""
        self.connect()
        self.heard()
        van = Vehicle(7, "A1", None)
        self.hub.tell(van, [a_position(van, a_fix())])
        self.hub.status(7, "error")
        self.hub.alert("cola_llena", "full")
        (alert,) = self.heard()
        assert alert["alert_type"] == "cola_llena"

    def test_client_that_does_not_read(self) -> None:
        """Who did not read for a while gets the present state once."""
        self.connect()
        self.heard()
        self.transport.producer.pauseProducing()
        self.clock.pump([5] * 3)
        assert self.heard() == []
        self.transport.producer.resumeProducing()
        assert [message["type"] for message in self.heard()] == ["system_status"]

    def test_nothing_to_say(self) -> None:
        """What a client says here is answered with an error, and the connection stays."""
        self.connect()
        self.heard()
        self.socket.dataReceived(frame(b'{"type": "subscribe_all"}'))
        (answer,) = self.heard()
        assert answer["message"] == "not understood: nothing is expected here"


class ServedStatusTests(ServerCase):
    def test_served(self) -> None:
        """The running server's state has the keys of the health route, its receivers among them."""
        token = self.server.token()
        with connect(f"ws://127.0.0.1:{self.server.web_port}/ws/status/?token={token}", proxy=None) as client:
            message = json.loads(client.recv(10))
        health = self.server.request("GET", "/api/health", token=token)[1]
        assert message["type"] == "system_status"
        assert message["data"].keys() == health.keys()
        assert message["data"]["receptores"] == health["receptores"] != []
