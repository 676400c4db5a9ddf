"""Who is asking."""

from __future__ import annotations

from http.cookies import SimpleCookie

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request
from twisted.web.test.requesthelper import DummyChannel

from waygps.web.auth import COOKIE, cookie_token, expired_cookie, is_own_origin, request_token, session_cookie, websocket_token


def request(headers: dict[str, str], token: str | None = None) -> Request:
    """A request with these headers and ?token=."""
    made = Request(DummyChannel())
    for name, text in headers.items():
        made.requestHeaders.addRawHeader(name.encode(), text.encode())
    made.args = {} if token is None else {b"token": [token.encode()]}
    return made


class RequestTokenTests(SynchronousTestCase):
    def test_where_from(self) -> None:
        """A page is known by its cookie, a program by its Authorization header or ?token=."""
        assert request_token(request({"Cookie": f"{COOKIE}=abc"})) == "abc"
        assert request_token(request({"Authorization": "Bearer abc"})) == "abc"
        assert request_token(request({"Authorization": "bearer  abc "})) == "abc"
        assert request_token(request({}, "abc")) == "abc"

    def test_nobody(self) -> None:
        """Who says nothing, or speaks another scheme, is nobody."""
        for headers in ({}, {"Authorization": "Basic abc"}, {"Cookie": "other=abc"}, {"Cookie": ""}):
            assert request_token(request(headers)) == "", headers

    def test_first_wins(self) -> None:
        """A program that sends its own token is not taken for the browser's user."""
        assert request_token(request({"Authorization": "Bearer abc", "Cookie": f"{COOKIE}=xyz"})) == "abc"
        assert request_token(request({"Cookie": f"{COOKIE}=xyz"}, "abc")) == "xyz"


class CookieTests(SynchronousTestCase):
    def test_among_others(self) -> None:
        """The session is found among whatever cookies other programs on the same host have set."""
        for others in ("a=1; {}", "{}; a=1", 'a="x y"; {}', 'prefs={{"a":1}}; {}', "a b=1; {}", "flag; {}", "{}; json=[1,2]"):
            assert cookie_token(others.format(f"{COOKIE}=abc")) == "abc", others

    def test_similar_names(self) -> None:
        """A cookie whose name only ends or begins alike is not the session."""
        assert cookie_token(f"x{COOKIE}=abc; {COOKIE}2=abc") == ""

    @given(st.text(max_size=60))
    def test_any_header(self, cookies: str) -> None:
        """Whatever a client sends as cookies, it is somebody's token or nobody's, and never a fault."""
        assert isinstance(cookie_token(cookies), str)
        assert isinstance(websocket_token({"cookie": cookies}, {}), str)

    def test_round_trip(self) -> None:
        """The cookie that the server sets is the one that it reads, out of reach of scripts and of other sites."""
        for secure in (False, True):
            morsel = SimpleCookie(session_cookie("abc-_1", secure))[COOKIE]
            assert cookie_token(f"{COOKIE}={morsel.value}") == "abc-_1"
            assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Lax", "/")
            assert bool(morsel["secure"]) is secure

    def test_expired(self) -> None:
        """Logging out empties the cookie at once."""
        morsel = SimpleCookie(expired_cookie())[COOKIE]
        assert (morsel.value, morsel["max-age"], morsel["path"]) == ("", "0", "/")


class WebSocketTokenTests(SynchronousTestCase):
    def test_where_from(self) -> None:
        """A WebSocket is known by ?token= before the cookie."""
        headers = {"cookie": f"{COOKIE}=xyz"}
        assert websocket_token(headers, {"token": ["abc"]}) == "abc"
        assert websocket_token(headers, {}) == "xyz"
        assert websocket_token({}, {}) == ""


class OriginTests(SynchronousTestCase):
    def test_own(self) -> None:
        """The server's own pages may connect, over HTTP or behind a TLS proxy, in any case."""
        for origin in ("http://gps.example:8000", "https://gps.example:8000", "http://GPS.example:8000"):
            assert is_own_origin(origin, "gps.example:8000", ()), origin

    def test_foreign(self) -> None:
        """Pages of other hosts, other ports, names that begin alike and files on a disk may not."""
        for origin in (
            "http://evil.example",
            "http://gps.example",
            "http://gps.example:8001",
            "http://gps.example:8000.evil.example",
            "http://evil.example/gps.example:8000",
            "http://gps.example:8000@evil.example",
            "null",
            "",
        ):
            assert not is_own_origin(origin, "gps.example:8000", ()), origin

    def test_program(self) -> None:
        """A program, which sends no Origin, may connect."""
        assert is_own_origin(None, "gps.example:8000", ())

    def test_named(self) -> None:
        """The origins that the operator names may connect, and no others."""
        assert is_own_origin("https://a.example", "gps.example", ("https://a.example",))
        assert not is_own_origin("http://a.example", "gps.example", ("https://a.example",))

    def test_without_host(self) -> None:
        """A request without a Host header matches no origin."""
        assert not is_own_origin("null", "", ())

    def test_not_an_address(self) -> None:
        """An Origin that is no address is a foreign one."""
        assert not is_own_origin("http://[", "gps.example", ())
