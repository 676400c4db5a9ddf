"""Answers as JSON, errors included."""

from __future__ import annotations

from msgspec import json
from twisted.web.iweb import IRequest


class APIError(Exception):
    """An answer that is an error: the status, a text for a person, and the headers it needs."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


def answer(request: IRequest, value: object, status: int = 200) -> bytes:
    """The value as the JSON body of the answer."""
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json; charset=utf-8")
    request.setHeader(b"cache-control", b"no-store")
    return json.encode(value)


def answer_error(request: IRequest, error: APIError) -> bytes:
    """The error as the answer."""
    for name, value in error.headers.items():
        request.setHeader(name.encode(), value.encode())
    return answer(request, {"error": str(error)}, error.status)
