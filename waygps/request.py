"""An HTTP request of a device, as a vendor sees it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct


class Request(Struct, frozen=True, kw_only=True):
    """What came, whole: a vendor reads it and does nothing with it."""

    method: str
    path: str
    query: Mapping[str, list[str]] = {}
    """The parameters of the URL, each with all its values, in UTF-8; empty values are left out."""
    headers: Mapping[str, str] = {}
    """By lower-case names."""
    body: bytes = b""

    def form(self) -> dict[str, list[str]]:
        """The body read as application/x-www-form-urlencoded."""
        return parse_qs(self.body.decode("utf-8", "replace"))


def request(method: str, uri: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Request:
    """Make the Request of a request line, its headers and body."""
    parts = urlsplit(uri)
    named = {name.lower(): value for name, value in (headers or {}).items()}
    return Request(method=method.upper(), path=parts.path or "/", query=parse_qs(parts.query), headers=named, body=body)
