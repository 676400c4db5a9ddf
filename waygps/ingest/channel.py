"""A device's connection over HTTP/1.1: one request at a time, so that the answers keep their order."""

from __future__ import annotations

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from waygps.errors import DecodeError
from waygps.ingest.exchange import Exchanges, Speakers
from waygps.ingest.replies import Reply
from waygps.ingest.stream import peer_name
from waygps.request import Request, request

MOST_BODY = 65_536
"""Bytes of a request's body; a longer one is answered 413."""
MOST_READ = 1_048_576
"""Bytes of a body that are read and dropped, so that its sender hears the answer; one that is longer ends the connection."""
SLOWEST = 30
"""Seconds that a request may take from its first byte to its last. Between two of them the receiver's limits count."""


class DeviceRequest(http.Request):
    """One request: its body is bounded, and nothing of it is read before all of it is there."""

    channel: DeviceChannel
    _size = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        self._body = bytearray()
        if length is not None and length > MOST_READ:
            self.channel.refuse(413, f"a body has at most {MOST_BODY} bytes")

    def handleContentChunk(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MOST_BODY:
            self._body += data
        elif self._size > MOST_READ:
            self.channel.refuse(413, f"a body has at most {MOST_BODY} bytes")

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        self.method, self.uri, self.clientproto = command, path, version
        self.channel.received(self, is_too_large=self._size > MOST_BODY)

    def asked(self) -> Request:
        """The request as a vendor sees it. Raises DecodeError where its URL is none."""
        headers = {name: b", ".join(values) for name, values in self.requestHeaders.getAllRawHeaders()}
        return request(
            _text(self.method), _text(self.uri), {_text(name): _text(headers[name]) for name in headers}, bytes(self._body)
        )

    def respond(self, reply: Reply) -> None:
        """Answer, unless the connection is gone."""
        if self._disconnected:
            return
        self.setResponseCode(reply.status)
        headers = {"Date": http.datetimeToString().decode(), "Content-Length": str(len(reply.body)), **reply.headers}
        if reply.body:
            headers["Content-Type"] = reply.media_type
        if not self.channel.persistent:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.setHeader(name, value)
        self.write(reply.body)
        self.finish()


class DeviceChannel(http.HTTPChannel):
    """One connection."""

    transport: ITCPTransport
    requestFactory = DeviceRequest  # noqa: N815
    maxHeaders = 100  # noqa: N815
    _is_over = False
    _is_answering = False

    def __init__(self, speakers: Speakers) -> None:
        super().__init__()
        self._speakers = speakers
        self.callLater = speakers.clock.callLater  # type: ignore[method-assign]  # as Twisted's own factory does

    def connectionMade(self) -> None:
        super().connectionMade()
        self._exchanges = Exchanges(self._speakers, peer_name(self.transport.getPeer()), self._close)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._exchanges.end()

    def received(self, sent: DeviceRequest, *, is_too_large: bool) -> None:
        """A request is there, whole."""
        if self._is_over:
            return
        self._is_answering = True
        if is_too_large:
            self._reply(self._exchanges.refused(413, f"a body has at most {MOST_BODY} bytes"), sent)
            return
        try:
            asked = sent.asked()
        except DecodeError as error:
            self._reply(self._exchanges.refused(400, str(error), error.data), sent)
            return
        self._exchanges.answer(asked).addCallback(self._reply, sent)

    def refuse(self, status: int, reason: str) -> None:
        """Answer a request that cannot be read to its end, and close."""
        if self._is_over:
            return
        self._is_over = True
        reply = self._exchanges.refused(status, reason)
        head = f"HTTP/1.1 {status} {http.RESPONSES[status].decode()}\r\nConnection: close\r\nContent-Type: {reply.media_type}\r\n"
        self.transport.write(f"{head}Content-Length: {len(reply.body)}\r\n\r\n".encode() + reply.body)
        self.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        if not self._is_over:
            super().dataReceived(data)

    def resetTimeout(self) -> None:  # noqa: N802
        """Bytes arrive: a request has its time from the first of them on, not from the latest."""
        if self.timeOut is None:
            self.setTimeout(SLOWEST)

    def allContentReceived(self) -> None:  # noqa: N802
        self.setTimeout(None)
        super().allContentReceived()

    def timeoutConnection(self) -> None:  # noqa: N802
        if self._is_over:
            self.transport.abortConnection()
            return
        self.refuse(408, f"a request has {SLOWEST:g} s")
        self.setTimeout(SLOWEST)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        self.refuse(400, f"a line has at most {self.MAX_LENGTH} bytes")

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        self.refuse(400, "this is not HTTP/1.1, or has too many headers")

    def _reply(self, reply: Reply, sent: DeviceRequest) -> None:
        self._is_answering = False
        sent.respond(reply)

    def _close(self) -> None:
        """End the connection, after the answer that is owed."""
        if self._is_answering:
            self.persistent = False
        else:
            self._is_over = True
            self.loseConnection()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
