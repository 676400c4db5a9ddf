"""A port for devices that speak HTTP: when they are answered, with what, and what a broken one may do."""

from __future__ import annotations

from typing import cast

from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import FakeSession, FakeSessions, logged
from tests.ingest.exchanging import Client, a_vendor, get, post
from tests.ingest.watching import GuardCase
from waygps.config import Limits
from waygps.ingest.channel import MOST_BODY, MOST_READ, SLOWEST
from waygps.ingest.exchange import PATIENCE
from waygps.ingest.http import HTTPFactory, over, recognises
from waygps.interfaces import Answer, IRequests, IVendor, Outcome, Verdict


class HTTPTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.sessions = Clock(), FakeSessions()
        self.factory = HTTPFactory(self.clock, {a_vendor(): self.sessions})
        self.device = self.connect()

    def connect(self) -> Client:
        """One more connection to the same port."""
        return Client(self.factory)

    @property
    def session(self) -> FakeSession:
        """The session with the messages of the latest connection that has any."""
        return [made for made in self.sessions.made if made.messages][-1]

    def stored(self, number: int = 0, answer: Answer | None = None) -> None:
        """What came as this message is durable."""
        self.session.answer(number, answer)


class AnswerTests(HTTPTest):
    def test_answered_when_durable(self) -> None:
        """A device hears 200, with its reply, when its report is stored, and nothing before."""
        self.device.says(get("?d=A"))
        assert self.device.answers == []
        self.stored()
        (answer,) = self.device.answers
        assert (answer.status, answer.body) == (200, b"[A]")
        assert answer.headers["content-type"] == "application/json"
        assert self.session.peer == "10.0.0.7:5000"

    def test_several_messages(self) -> None:
        """A request with several messages is answered when the last of them is stored, with all replies in order."""
        self.device.says(get("?d=A&d=B"))
        self.stored(1)
        assert self.device.answers == []
        self.stored(0)
        assert self.device.answers[0].body == b"[A][B]"

    def test_nothing_to_say(self) -> None:
        """A request without a reply is answered 200 with an empty body, and the connection stays open."""
        self.device.says(get(""))
        (answer,) = self.device.answers
        assert (answer.status, answer.headers["content-length"], answer.body) == (200, "0", b"")
        assert "content-type" not in answer.headers
        assert not self.device.is_closed

    def test_content_types(self) -> None:
        """The type of the body is what the body is: JSON, text or bytes."""
        for body, expected in (
            (b"[]", "application/json"),
            (b'{"a": 1}\n', "application/json"),
            (b"OK", "text/plain; charset=utf-8"),
            (b"\xff\x00", "application/octet-stream"),
        ):
            device = self.connect()
            device.says(get("?d=A"))
            self.stored(0, Answer(body))
            assert device.answers[0].headers["content-type"] == expected
            assert device.answers[0].body == body

    def test_refused(self) -> None:
        """A device that is not accepted hears 403 and why."""
        self.device.says(get("?d=A"))
        self.stored(0, Answer(close=True, outcome=Outcome.REFUSED, reason="device A is not in the table moviles"))
        (answer,) = self.device.answers
        assert (answer.status, answer.body) == (403, b"device A is not in the table moviles\n")

    def test_refused_in_the_words_of_the_protocol(self) -> None:
        """Where the protocol has an answer for that it is the body."""
        self.device.says(get("?d=A"))
        self.stored(0, Answer(b"no", close=True, outcome=Outcome.REFUSED, reason="not there"))
        assert [(answer.status, answer.body) for answer in self.device.answers] == [(403, b"no")]

    def test_not_stored(self) -> None:
        """A report that the server could not store, one of several at least, is answered 503 and when to come again."""
        self.device.says(get("?d=A&d=B"))
        self.stored(0)
        self.stored(1, Answer(close=True, outcome=Outcome.UNAVAILABLE))
        (answer,) = self.device.answers
        assert (answer.status, answer.headers["retry-after"]) == (503, "10")
        assert not self.device.is_closed

    def test_not_stored_in_time(self) -> None:
        """A device hears 503 before it gives up waiting; its report may be stored later, and the next one is answered."""
        self.device.says(get("?d=A"))
        self.clock.advance(PATIENCE - 1)
        assert self.device.answers == []
        self.clock.advance(1)
        assert self.device.statuses == [503]
        self.stored(0)
        self.device.says(get("?d=A"))
        self.stored(1)
        assert self.device.statuses == [503, 200]
        assert self.clock.getDelayedCalls() == []

    def test_malformed(self) -> None:
        """A request that the vendor cannot read is answered 400 with the reason, and the connection goes on."""
        self.device.says(get("?bad=1"), get(""))
        assert [(answer.status, answer.body) for answer in self.device.answers] == [(400, b"bad is not good\n"), (200, b"")]

    def test_fault_of_the_vendor(self) -> None:
        """A bug in a plugin is answered 400, is in the log, and disturbs nobody else."""
        self.device.says(get("?bug=1"), get(""))
        assert len(self.flushLoggedErrors(KeyError)) == 1
        assert self.device.statuses == [400, 200]

    def test_methods(self) -> None:
        """Other methods than GET and POST are answered 405 with those that are allowed."""
        for method in (b"PUT", b"DELETE", b"OPTIONS"):
            device = self.connect()
            device.says(get("?d=A").replace(b"GET", method))
            (answer,) = device.answers
            assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")

    def test_url_that_is_none(self) -> None:
        """A URL that cannot be read is answered 400."""
        self.device.says(b"GET http://[x/?d=A HTTP/1.1\r\n\r\n")
        assert self.device.statuses == [400]

    def test_who_it_came_from(self) -> None:
        """What a request says of where it came from is not believed."""
        self.device.says(get("?d=A", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4"))
        assert self.session.peer == "10.0.0.7:5000"

    def test_what_the_vendor_sees(self) -> None:
        """A form sent in chunks is whole, and what it came in is kept for what cannot be stored."""
        head = b"POST /x?d=A HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.device.says(head + b"4\r\na=1&\r\n", b"3\r\nb=2\r\n0\r\n\r\n")
        assert [message.raw for message in self.session.messages] == [b"POST /x?d=A\r\n\r\na=1&b=2", b"a=1&b=2"]


class ConnectionTests(HTTPTest):
    def test_keep_alive(self) -> None:
        """A connection carries one report after another, in one session."""
        for number in range(3):
            self.device.says(get("?d=A"))
            self.stored(number)
        assert self.device.statuses == [200, 200, 200]
        assert not self.device.is_closed

    def test_last_request(self) -> None:
        """A device that says so, or that speaks HTTP/1.0, has its connection closed after the answer."""
        for request in (get("?d=A", "Connection: close"), get("?d=A").replace(b"1.1", b"1.0")):
            device = self.connect()
            device.says(request)
            assert not device.is_closed
            self.stored()
            assert (device.statuses, device.is_closed) == ([200], True)
            assert device.answers[0].headers["connection"] == "close"

    def test_pipelined(self) -> None:
        """Requests that come at once are answered in their order, whichever is stored first."""
        self.device.says(get("?d=A") + get("?bad=1") + post(b"xyz") + get("?d=B"))
        assert self.device.answers == []
        for number in range(3):
            self.stored(number)
        assert [answer.body for answer in self.device.answers] == [b"[A]", b"bad is not good\n", b"3", b"[B]"]

    def test_byte_by_byte(self) -> None:
        """However the network cuts a request, it is the same."""
        self.device.says(*(bytes([byte]) for byte in post(b"hello")))
        self.stored()
        assert [answer.body for answer in self.device.answers] == [b"5"]

    def test_gone_before_the_answer(self) -> None:
        """A device that hangs up early has its report stored all the same, and its sessions ended."""
        self.device.says(get("?d=A"))
        self.device.protocol.connectionLost(connectionDone)
        self.stored()
        assert [session.ended for session in self.sessions.made] == [1, 1]
        assert self.device.answers == []
        assert self.clock.getDelayedCalls() == []

    def test_store_takes_no_more(self) -> None:
        """While the store takes no more every request is answered 503 at once; then all goes on. What was read is answered."""
        account = self.sessions.made[0].producer
        assert account is not None
        self.device.says(get("?d=A"))
        account.pauseProducing()
        self.device.says(get("?d=B"))
        self.stored()
        assert self.device.statuses == [200, 503]
        account.resumeProducing()
        self.device.says(get("?d=C"))
        self.stored(1)
        assert self.device.statuses == [200, 503, 200]
        assert [message.device for message in self.session.messages] == ["A", "C"]

    def test_receiver_closes(self) -> None:
        """When the receiver ends a connection it goes at once, or with the answer that is owed, which says so."""
        for query, is_closed in (("", True), ("?d=A", False)):
            device = self.connect()
            device.says(get(query))
            account = next(made.producer for made in reversed(self.sessions.made) if made.producer)
            account.stopProducing()
            assert device.is_closed is is_closed
        self.stored()
        assert device.is_closed
        assert device.answers[0].headers["connection"] == "close"
        device.says(get("?d=B"))
        assert len(self.session.messages) == 1


class BrokenTests(HTTPTest):
    def test_body_too_long(self) -> None:
        """A body of more than 64 KiB is answered 413 when it was read to its end, and the next request is served."""
        self.device.says(post(b"x" * MOST_BODY))
        self.stored()
        self.device.says(post(b"x" * (MOST_BODY + 1)), get(""))
        assert self.device.statuses == [200, 413, 200]
        assert [len(message.raw) for message in self.session.messages] == [MOST_BODY]

    def test_body_far_too_long(self) -> None:
        """One of more than a megabyte ends the connection, whether its length was said or not, and is never held."""
        self.device.says(f"POST / HTTP/1.1\r\nContent-Length: {MOST_READ + 1}\r\n\r\n".encode(), b"x" * 1000)
        assert (self.device.statuses, self.device.is_closed) == ([413], True)
        chunked = self.connect()
        chunked.says(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunked.says(*[b"10000\r\n" + b"x" * 0x10000 + b"\r\n"] * 17, b"0\r\n\r\n")
        assert (chunked.statuses, chunked.is_closed) == ([413], True)
        assert not any(made.messages for made in self.sessions.made)

    def test_not_http(self) -> None:
        """What is not HTTP, or contradicts itself, is answered 400 and closed, with one line a host in the log."""
        with logged() as lines:
            for data in (
                b"\x78\x78\x0d\x01\r\n",
                b"GET /\r\n\r\n",
                b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            ):
                device = self.connect()
                device.says(data, get("?d=A"))
                assert (device.statuses, device.is_closed) == ([400], True), data
        assert len(lines) == 1
        assert lines[0].startswith("10.0.0.7:5000 sent a request that is not taken: this is not HTTP/1.1")

    def test_headers_without_end(self) -> None:
        """Headers that are too long, or too many, end the connection; so does a line that does not end."""
        for data, status in (
            (get("", *[f"X-{number}: {'x' * 100}" for number in range(90)]) + get(""), 200),
            (get("", *[f"X-{number}: 1" for number in range(101)]), 400),
            (get("", *[f"X-{number}: {'x' * 400}" for number in range(90)]), 400),
            (b"GET /" + b"x" * 20_000, 400),
        ):
            device = self.connect()
            device.says(*(data[start : start + 1000] for start in range(0, len(data), 1000)))
            assert device.statuses[0] == status
            assert device.is_closed is (status != 200)

    def test_slow_request(self) -> None:
        """A request that does not end is given up some time after its first byte, however its bytes drip."""
        self.device.says(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        for _ in range(SLOWEST - 1):
            self.clock.advance(1)
            self.device.says(b"x")
        assert self.device.answers == []
        self.clock.advance(1)
        assert (self.device.statuses, self.device.is_closed) == ([408], True)
        self.clock.advance(SLOWEST)
        assert self.device.transport.disconnected  # it did not take the end
        self.device.protocol.connectionLost(connectionDone)
        assert self.clock.getDelayedCalls() == []

    def test_pause_between_requests(self) -> None:
        """A connection that says nothing between two reports is not this timer's business."""
        self.device.says(get(""))
        self.clock.advance(SLOWEST * 10)
        self.device.says(get(""))
        assert (self.device.statuses, self.device.is_closed) == ([200, 200], False)

    def test_complaints(self) -> None:
        """A device that goes on sending what cannot be read is in the log once, and so is each warning."""
        with logged() as lines:
            for _ in range(3):
                device = self.connect()
                device.says(get("?bad=1"), get("?d=A&warn=odd"))
                self.stored()
        assert lines == ["10.0.0.7:5000 sent a request that is not taken: bad is not good. GET /?bad=1"]
        warnings = [message.warnings for made in self.sessions.made for message in made.messages]
        assert warnings == [("odd",), (), ()]

    def test_log_is_not_written_by_strangers(self) -> None:
        """What a request has of control characters is written in the log as such, and forges no line."""
        with logged() as lines:
            self.device.says(post(b"{\n\x1b[2Jroot: \xff", query="?bad=1"))
        assert self.device.statuses == [400]
        assert lines == ["10.0.0.7:5000 sent a request that is not taken: bad is not good. {\\n\\x1b[2Jroot: \\ufffd"]


class AnyVendorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions: dict[IVendor, FakeSessions] = {
            a_vendor("one", "/a"): FakeSessions(),
            a_vendor("two", "/b"): FakeSessions(),
            a_vendor("three", "/bb"): FakeSessions(),
        }
        self.device = Client(HTTPFactory(Clock(), self.sessions, is_any=True))

    def served(self) -> dict[str, list[str]]:
        """The devices whose messages were handed in, by vendor."""
        made = {vendor.name: sessions.made for vendor, sessions in self.sessions.items()}
        found = {name: [message.device for session in each for message in session.messages] for name, each in made.items()}
        return {name: devices for name, devices in found.items() if devices}

    def test_each_request_is_its_vendors(self) -> None:
        """Devices of two vendors that come through one connection, as by a proxy, are told apart by each request."""
        self.device.says(get("a?d=A"), get("b?d=B"))
        for sessions in self.sessions.values():
            for made in sessions.made:
                for number in range(len(made.messages)):
                    made.answer(number)
        assert self.served() == {"one": ["A"], "two": ["B"]}
        assert [answer.body for answer in self.device.answers] == [b"[A]", b"[B]"]

    def test_nobodys(self) -> None:
        """A request that nobody claims is answered 400, and is in the log."""
        with logged() as lines:
            self.device.says(get("robots.txt"))
        assert [(answer.status, answer.body) for answer in self.device.answers] == [(400, b"no vendor recognises this request\n")]
        assert lines == ["10.0.0.7:5000 sent a request that is not taken: no vendor recognises this request. GET /robots.txt"]

    def test_two_vendors(self) -> None:
        """What two vendors claim is neither's, and the log names both."""
        with logged() as lines:
            self.device.says(get("bb?d=A"))
        assert self.device.statuses == [400]
        assert lines == ["10.0.0.7:5000 sent a request that is not taken: this may be of two or three. GET /bb?d=A"]
        assert self.served() == {}

    def test_bug_in_claims(self) -> None:
        """A vendor whose ``claims`` raises claims nothing, which is in the log once."""
        self.device.says(get("a?worse=1"), get("a?worse=1"), get("b?d=B"))
        assert len(self.flushLoggedErrors(KeyError)) == 3  # one a vendor
        assert self.served() == {"two": ["B"]}


class GuardedTests(GuardCase):
    limits = Limits(first_message=60, idle=600, connections_receiver=2)

    def setUp(self) -> None:
        super().setUp()
        self.listen(over("HTTP", a_vendor(), self.clock))

    def stored(self) -> None:
        """What came last is durable."""
        made = [session for session in self.sessions.made if session.messages][-1]
        made.answer(len(made.messages) - 1)

    def test_one_request_a_connection(self) -> None:
        """A report is counted for its connection, whose line in the journal names the device, and frees its place at its end."""
        for _ in range(5):
            device = self.device()
            device.says(get("?d=A", "Connection: close"))
            self.stored()
            assert device.is_closed
            device.ends()
        (line, *others) = self.journalled().splitlines()
        assert 'device="A" messages=1 ' in line
        assert len(others) == 4
        assert self.gate.open == 0

    def test_polls(self) -> None:
        """A connection on which a report comes every few minutes stays; one that then is silent is closed."""
        device = self.device()
        for _ in range(4):
            device.says(get("?d=A"))
            self.stored()
            self.wait(400)
        assert not device.is_closed
        self.wait(300)
        assert device.is_closed
        assert self.gate.cost == {"idle": 1}

    def test_says_no_device(self) -> None:
        """A connection without a report is closed in time, though it asks for this and that."""
        device = self.device()
        for _ in range(5):
            device.says(get("robots.txt?bad=1"))
            self.wait(15)
        assert device.is_closed
        assert self.gate.cost == {"first_message": 1}

    def test_too_many(self) -> None:
        """Connections beyond the limit are refused."""
        assert [self.device().transport is None for _ in range(3)] == [False, False, True]


class RecognitionTests(SynchronousTestCase):
    def test_request_lines(self) -> None:
        """A request line is HTTP when it is whole, and not before; what cannot become one is not HTTP at once."""
        for line in (
            b"GET / HTTP/1.1\r\n",
            b"POST /pub?u=j%C3%A9 HTTP/1.0\n",
            b"CONNECT x:443 HTTP/1.1\r\n",
            b"PUT /\xc3\xa9 HTTP/1.1\r\n",
        ):
            verdicts = [recognises(line[:size], "tcp") for size in range(len(line))]
            assert verdicts == [Verdict.MORE] * len(line), line
            assert recognises(line, "tcp") is Verdict.YES
            assert recognises(line + b"Host: x\r\n\r\n\0\xff", "tcp") is Verdict.YES
        for other in (
            b"GETX",
            b"get / HTTP/1.1\r\n",
            b"GET /\n",
            b"GET / FTP",
            b"\0",
            b"POST  / HTTP/1.1",
            b"GET / HTTP/2.0\r\n",
        ):
            assert recognises(other, "tcp") is Verdict.NO, other

    def test_other_transports(self) -> None:
        """A vendor on its TCP port is as it was; over HTTP it keeps its name and what it provides."""
        vendor = a_vendor()
        assert over("TCP", vendor, None) is cast(IVendor, vendor)
        served = over("HTTP", vendor, None)
        assert (served.name, IRequests.providedBy(served)) == ("web", True)
