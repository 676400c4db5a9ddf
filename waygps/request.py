"""An HTTP request of a device, as a vendor sees it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

from msgspec import Struct

from waygps.errors import DecodeError


class Request(Struct, frozen=True, kw_only=True):
    """What came, whole: a vendor reads it and does nothing with it."""

    method: str
    path: str
    query: Mapping[str, list[str]] = {}
    """The parameters of the URL, each with all its values, in UTF-8; empty values are left out."""
    headers: Mapping[str, str] = {}
    """By lower-case names."""
    body: bytes = b""

    @property
    def raw(self) -> bytes:
        """What it says, for people and for what cannot be stored: method, URL and body."""
        query = urlencode(self.query, doseq=True)
        line = f"{self.method} {self.path}?{query}" if query else f"{self.method} {self.path}"
        return line.encode("utf-8", "replace") + (b"\r\n\r\n" + self.body if self.body else b"")

    def form(self) -> dict[str, list[str]]:
        """The body read as application/x-www-form-urlencoded."""
        return parse_qs(self.body.decode("utf-8", "replace"))


def request(method: str, uri: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Request:
    """Make the Request of a request line, its headers and body. Raises DecodeError where the URL is none."""
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise DecodeError(f"the URL cannot be read: {error}", uri.encode("utf-8", "replace")) from None
    named = {name.lower(): value for name, value in (headers or {}).items()}
    return Request(method=method.upper(), path=parts.path or "/", query=parse_qs(parts.query), headers=named, body=body)
