"""What a device is answered over HTTP, by what became of its messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from waygps.interfaces import Answer, Outcome

RETRY_AFTER = 10
"""Seconds after which a device whose message was not taken may try again."""
METHODS = ("GET", "POST")


class Reply(Struct, frozen=True):
    """What a request is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}

    @property
    def media_type(self) -> str:
        """What the body is: JSON, text or bytes."""
        if self.body[:1] + self.body.rstrip()[-1:] in (b"[]", b"{}"):
            return "application/json"
        try:
            self.body.decode()
        except UnicodeDecodeError:
            return "application/octet-stream"
        return "text/plain; charset=utf-8"


def refusal(status: int, reason: str) -> Reply:
    """A reply that says to a person why not."""
    return Reply(status, f"{reason}\n".encode("utf-8", "replace"))


UNAVAILABLE = replace(refusal(503, "this cannot be stored now, send it again later"), headers={"Retry-After": str(RETRY_AFTER)})
NOT_ALLOWED = replace(refusal(405, f"devices use {' or '.join(METHODS)}"), headers={"Allow": ", ".join(METHODS)})


def reply_of(answers: Sequence[Answer]) -> Reply:
    """What a request is answered whose messages have these answers."""
    if any(answer.outcome is Outcome.UNAVAILABLE for answer in answers):
        return UNAVAILABLE
    for answer in answers:
        if answer.outcome is Outcome.REFUSED:
            return Reply(403, answer.data) if answer.data else refusal(403, answer.reason)
    return Reply(200, b"".join(answer.data for answer in answers))
