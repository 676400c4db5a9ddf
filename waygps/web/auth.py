"""Who is asking: the session cookie of the page, or the token of a program."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from twisted.web.iweb import IRequest

COOKIE = "waygps_session"


def request_token(request: IRequest) -> str:
    """The token of a REST request: cookie, ``Authorization: Bearer`` or ``?token=``; "" for none."""
    headers = request.requestHeaders
    bearer: str = (headers.getRawHeaders(b"authorization") or [b""])[0].decode("latin-1")
    if bearer.lower().startswith("bearer "):
        return bearer[7:].strip()
    cookies = b"; ".join(headers.getRawHeaders(b"cookie") or []).decode("latin-1")
    given: list[bytes] = request.args.get(b"token", [])
    return cookie_token(cookies) or (given[0].decode("latin-1") if given else "")


def cookie_token(cookies: str) -> str:
    """The token in a Cookie header; "" for none."""
    # Not SimpleCookie: it gives up the whole header for one cookie of another program that it does not like.
    given = (part.strip().partition("=") for part in cookies.split(";"))
    return next((value for name, _, value in given if name == COOKIE), "")


def websocket_token(headers: Mapping[str, str], parameters: Mapping[str, list[str]]) -> str:
    """The token of a WebSocket handshake: ``?token=`` or the cookie."""
    given = parameters.get("token")
    return given[0] if given else cookie_token(headers.get("cookie", ""))


def is_own_origin(origin: str | None, host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a page of this origin may open a WebSocket here. A program sends no Origin, and no browser leaves it out."""
    if origin is None or origin in allowed:
        return True
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def session_cookie(token: str, secure: bool) -> str:
    """The Set-Cookie value that begins a browser's session; it ends with the browser, or on the server."""
    return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")


def expired_cookie() -> str:
    """The Set-Cookie value that ends it."""
    return f"{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
