"""A fence around decoders: whatever one of them raises, its own connection ends and nothing else is disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from twisted.logger import Logger

from waygps.errors import DecodeError
from waygps.fix import Message

_log = Logger()


def fenced(decode: Callable[[], Iterable[Message]]) -> Iterator[Message]:
    """The messages of a call of ``feed`` or ``end``; an exception that a decoder may not raise becomes a DecodeError."""
    try:
        yield from decode()
    except DecodeError:
        raise
    except Exception as error:
        _log.failure("a decoder raised what it may not, which is a fault of its decoder")
        raise DecodeError(f"the decoder failed: {type(error).__name__}: {error}") from error


def reply_to(message: Message, now: datetime) -> bytes:
    """What the device is told when its message is durable; b"" where making it fails, which is a fault of the decoder."""
    if message.timed_reply is None:
        return message.reply
    try:
        return message.timed_reply(now)
    except Exception:
        _log.failure("a decoder cannot make its reply to {device}, which is a fault of its decoder", device=message.device)
        return b""
