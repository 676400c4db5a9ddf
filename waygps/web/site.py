"""The web port: the pages, /static/, /api/ and /ws/, with the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from klein import Klein
from twisted.web import http
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from waygps.config import Web
from waygps.errors import StoreUnavailable
from waygps.storage.accounts import Accounts
from waygps.web.assets import static, webroot
from waygps.web.auth import request_token


class Pages:
    """The pages: the map and the monitor for who is logged in, the login for everybody else."""

    app = Klein()

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._pages = {name: (webroot() / name).read_bytes() for name in ("index.html", "monitor.html", "login.html")}

    @app.route("/")
    async def index(self, request: IRequest) -> bytes:
        """The map, or the way to the login."""
        return await self._own(request, "index.html")

    @app.route("/monitor")
    async def monitor(self, request: IRequest) -> bytes:
        """The page of who looks after the server, or the way to the login."""
        return await self._own(request, "monitor.html")

    async def _own(self, request: IRequest, name: str) -> bytes:
        """A page for who is logged in. While the database is away it opens too: it shows its own state."""
        try:
            user = await self._accounts.user_of(request_token(request))
        except StoreUnavailable:
            user = "?"
        if user is None:
            request.setResponseCode(303)
            request.setHeader(b"location", b"/login")
            return b""
        return self._page(request, name)

    @app.route("/login")
    def login(self, request: IRequest) -> bytes:
        """The login page."""
        return self._page(request, "login.html")

    def _page(self, request: IRequest, name: str) -> bytes:
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        request.setHeader(b"cache-control", b"no-cache")
        return self._pages[name]


MOST_BODY = 65_536
"""Bytes of a request's body."""


class BoundedRequest(Request):
    """A request whose body has an end: Twisted would write the rest to a file, however long."""

    _taken = 0

    def handleContentChunk(self, data: bytes) -> None:
        within = self._taken <= MOST_BODY
        self._taken += len(data)
        if self._taken <= MOST_BODY:
            super().handleContentChunk(data)
        elif within:
            transport: Any = self.channel.transport
            transport.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.channel.loseConnection()


class QuietSite(Site):
    """No line a request in the log: an address can carry a program's token, and access logs are a proxy's business."""

    noisy = False

    def log(self, request: http.Request) -> None:
        pass


class Root(Resource):
    """Sends a request to the part that serves it, and puts the security headers on every answer."""

    def __init__(self, pages: IResource, headers: dict[bytes, bytes]) -> None:
        super().__init__()
        self._pages = pages
        self._headers = headers

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        for name, value in self._headers.items():
            request.setHeader(name, value)
        child: IResource = super().getChildWithDefault(path, request)
        return child

    def getChild(self, path: bytes, request: Request) -> IResource:
        # Klein routes the whole path, so what the traversal took is given back.
        assert request.prepath
        assert request.postpath is not None
        request.prepath.pop()
        request.postpath.insert(0, path)
        return self._pages


def security_headers(settings: Web) -> dict[bytes, bytes]:
    """What browsers are told: nothing from elsewhere but the map's tiles, no framing, no guessing of types."""
    tiles = urlsplit(settings.tiles.url.replace("{s}", "*"))
    images = f" {tiles.scheme}://{tiles.netloc}" if tiles.netloc else ""
    policy = (
        f"default-src 'self'; img-src 'self' data:{images}; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    return {
        b"content-security-policy": policy.encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
        b"cross-origin-opener-policy": b"same-origin",
    }


def make_site(pages: IResource, api: IResource, channels: Mapping[str, IResource], settings: Web) -> Site:
    """The site of the web port; ``channels`` are the resources of /ws/NAME/."""
    root = Root(pages, security_headers(settings))
    websockets = Resource()
    for name, channel in channels.items():
        websockets.putChild(name.encode(), channel)
    root.putChild(b"ws", websockets)
    root.putChild(b"api", api)
    root.putChild(b"static", static())
    return QuietSite(root, BoundedRequest, timeout=60)
