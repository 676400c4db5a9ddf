"""The web port as a whole: pages, files, and the headers on everything."""

from __future__ import annotations

import contextlib
import socket
from tempfile import NamedTemporaryFile

from twisted.internet.threads import deferToThread

from tests.postgres import server, until
from tests.web.serving import LOGIN, WebTest
from waygps.web.assets import webroot

PATHS = [
    "/", "/login", "/monitor", "/nada", "/static/", "/static/login.html", "/static/nada", "/static/js/", "/ws/",
    "/api/health", "/api/moviles", "/api/nada", "/static", "/api", "//", "/static/leaflet/leaflet.js",
]  # fmt: skip


class SiteTest(WebTest):
    async def test_security_headers(self) -> None:
        """Every answer, an error too, forbids framing, guessing of types, and everything from elsewhere but the map's tiles."""
        for path in PATHS:
            answer = await self.ask(path)
            assert answer.status < 500, path
            policy = answer.header("content-security-policy")
            assert "default-src 'self'" in policy, path
            assert "frame-ancestors 'none'" in policy, path
            assert "img-src 'self' data: https://*.tiles.example;" in policy, path
            assert "unsafe" not in policy, path
            assert answer.header("x-content-type-options") == "nosniff", path
            assert answer.header("referrer-policy") == "same-origin", path

    async def test_map_needs_a_login(self) -> None:
        """Who is not logged in is sent to the login, and who is gets the map and the monitor."""
        for path in ("/", "/monitor"):
            answer = await self.ask(path)
            assert (answer.status, answer.header("location"), answer.body) == (303, "/login", b""), path
        token = await self.log_in()
        for path, name in (("/", "index.html"), ("/monitor", "monitor.html")):
            answer = await self.ask(path, cookie=f"waygps_session={token}")
            assert (answer.status, answer.header("content-type")) == (200, "text/html; charset=utf-8")
            assert answer.body == (webroot() / name).read_bytes()

    async def test_map_while_the_database_is_away(self) -> None:
        """A page that is loaded while the database is away is there, and shows its own state."""
        server().crash()
        await until(lambda: not self.database.is_up, "the death is noticed")
        for path, name in (("/", "index.html"), ("/monitor", "monitor.html")):
            answer = await self.ask(path)
            assert (answer.status, answer.body) == (200, (webroot() / name).read_bytes())

    async def test_login_page(self) -> None:
        """The login page is for everybody."""
        answer = await self.ask("/login")
        assert (answer.status, answer.body) == (200, (webroot() / "login.html").read_bytes())

    async def test_static(self) -> None:
        """The page's files and Leaflet come from this server, each with its type."""
        for path, kind in (
            ("/static/js/main.js", "text/javascript; charset=utf-8"),
            ("/static/js/monitor/main.js", "text/javascript; charset=utf-8"),
            ("/static/css/base.css", "text/css"),
            ("/static/icons/waygps.svg", "image/svg+xml"),
            ("/static/leaflet/leaflet.js", "text/javascript"),
            ("/static/leaflet/leaflet.css", "text/css"),
        ):
            answer = await self.ask(path)
            assert answer.status == 200, path
            assert answer.header("content-type").startswith(kind), path
            assert answer.body, path

    async def test_no_listing(self) -> None:
        """No directory shows what is in it."""
        for path in ("/static/js/", "/static/js", "/static/leaflet/", "/static/leaflet/images/", "/static/css/"):
            answer = await self.ask(path)
            assert answer.status == 404 or answer.header("location").endswith(f"{path}/"), path
            assert b".js" not in answer.body, path
        assert b"main.js</a>" not in (await self.ask("/static/")).body

    async def test_no_way_out(self) -> None:
        """No path below /static/ leads to a file outside of it."""
        with NamedTemporaryFile(prefix="secret", dir=webroot().parent) as file:
            file.write(b"secret")
            file.flush()
            name = file.name.rsplit("/", 1)[1]
            for way in ("../", "%2e%2e/", "..%2f", "js/../../", "%2e%2e%2f", "....//", "..%5c", "js/%2e%2e/%2e%2e/", "//"):
                status = await deferToThread(self.status, f"/static/{way}{name}")
                assert status == 404, way
            assert await deferToThread(self.status, f"/static/{file.name}") == 404

    def status(self, path: str) -> int:
        """The status of a request whose path no client tidies up. Blocks."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert b"secret" not in answer.partition(b"\r\n\r\n")[2], path
        return int(answer.split()[1])

    async def test_websocket_asked_as_a_page(self) -> None:
        """A browser that opens the WebSocket's address as a page is refused, without a page that advertises the library."""
        answer = await self.ask("/ws/gps/")
        assert 400 <= answer.status < 500
        assert b"Autobahn" not in answer.body

    async def test_endless_body(self) -> None:
        """A body without an end is cut off with 413, declared or in chunks, and fills neither memory nor disk."""
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for head, body in ((b"Transfer-Encoding: chunked", chunk * 4), (b"Content-Length: 1000000000", chunk * 4)):
            answer = await deferToThread(self.posted, b"POST /api/login HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n" + body)
            assert answer.startswith(b"HTTP/1.1 413 "), head

    def posted(self, request: bytes) -> bytes:
        """What a client reads that goes on sending. Blocks."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(request)
            return connection.recv(100)

    async def test_unknown_page(self) -> None:
        """A page that is not there is a 404."""
        for path in ("/nada", "/login/nada", "/index.html", "/favicon.ico"):
            assert (await self.ask(path)).status == 404, path

    async def test_head(self) -> None:
        """HEAD, as monitoring sends it, answers like GET without the body."""
        for path in ("/login", "/api/health", "/static/js/main.js"):
            answer = await self.ask(path, "HEAD")
            assert (answer.status, answer.body) == (200, b""), path

    async def test_secrets_stay_off_the_page(self) -> None:
        """Neither the password nor the token is in any page."""
        token = await self.log_in()
        for path in ("/", "/login", "/api/config", "/api/health", "/api/moviles"):
            answer = await self.ask(path, cookie=f"waygps_session={token}")
            assert token.encode() not in answer.body, path
            assert LOGIN["clave"].encode() not in answer.body, path


class SecureSiteTest(WebTest):
    settings = WebTest.settings.__class__(secure_cookies=True)

    async def test_secure_cookie(self) -> None:
        """Behind a TLS proxy the cookie is for HTTPS only, and without tiles no other server's images are allowed."""
        answer = await self.ask("/api/login", "POST", LOGIN)
        assert answer.header("set-cookie").endswith("; HttpOnly; SameSite=Lax; Secure")
        assert "img-src 'self' data:;" in answer.header("content-security-policy")
