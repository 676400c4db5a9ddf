"""What REST routes have in common: who asks, what the body and the query say, and errors that are JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

from klein import Klein
from msgspec import DecodeError, json
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from waygps.errors import StoreUnavailable
from waygps.storage.accounts import Accounts
from waygps.web.auth import request_token
from waygps.web.problems import APIError, answer_error

B = TypeVar("B")

_log = Logger()


def with_errors(app: Klein) -> Klein:
    """Every error of these routes is JSON, and none tells more than the client may know."""
    app.handle_errors(_on_error)  # type: ignore[call-overload]  # Klein gives it the instance too
    return app


def _on_error(routes: object, request: IRequest, failure: Failure) -> bytes:
    error = failure.value
    if isinstance(error, HTTPException):
        error = APIError(error.code or 500, error.name)
    elif isinstance(error, StoreUnavailable):
        error = APIError(503, "the database is out of reach: try again in a moment", {"retry-after": "2"})
    elif not isinstance(error, APIError):
        _log.failure("{method} {uri} failed", failure, method=request.method.decode(), uri=request.path.decode("latin-1"))
        error = APIError(500, "an error of the server; its log has the details")
    return answer_error(request, error)


async def user_of(accounts: Accounts, request: IRequest) -> str:
    """Who asks. APIError 401 where nobody is logged in."""
    user = await accounts.user_of(request_token(request))
    if user is None:
        raise APIError(401, "log in first / inicie sesión")
    return user


def body_of(request: IRequest, kind: type[B]) -> B:
    """The JSON body. A form cannot be sent as JSON by another site's page, so the content type is the CSRF check."""
    content_type = (request.requestHeaders.getRawHeaders(b"content-type") or [b""])[0]
    if not content_type.startswith(b"application/json"):
        raise APIError(415, "the body must be application/json")
    try:
        return json.decode(request.content.read(), type=kind)
    except DecodeError as error:
        raise APIError(400, f"the body is not what was expected: {error}") from None


def time_of(request: IRequest, name: str, default: datetime) -> datetime:
    """A time of the query, ISO 8601; UTC where it names no zone."""
    given = request.args.get(name.encode())
    if not given:
        return default
    # A + that was not escaped has become a space.
    text = given[0].decode("latin-1").replace(" ", "+") if b"T" in given[0] else given[0].decode("latin-1")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise APIError(400, f"{name} = {text!r} is not a time such as 2026-11-24T07:30:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def number_of(request: IRequest, name: str, default: int, most: int) -> int:
    """A number of the query, from 1 to ``most``."""
    given = request.args.get(name.encode())
    text = given[0].decode("latin-1") if given else str(default)
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise APIError(400, f"{name} = {text!r} is not a number from 1 to {most}")
    return int(text)
