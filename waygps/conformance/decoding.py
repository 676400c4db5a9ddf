"""Runs a vendor's code, and says what it did, whatever it did."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from msgspec import Struct, json
from msgspec.structs import replace

from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.interfaces import IDecoder, IVendor, Transport
from waygps.vendor import Sample

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
"""The time that replies with a time are made with."""
HANG_S = 5.0
"""Seconds of the processor after which one input counts as one that is never done."""
_json = json.Encoder().encode


class Hang(BaseException):
    """The vendor's code does not come back. No Exception, so that its own ``except Exception`` does not take it."""


class Outcome(Struct, frozen=True):
    """What became of some bytes."""

    messages: tuple[Message, ...] = ()
    error: str = ""
    """The reason of the DecodeError; "" for none."""
    fault: str = ""
    """What a decoder may not do; "" for nothing."""

    @property
    def fixes(self) -> list[Fix]:
        return [fix for message in self.messages for fix in message.fixes]

    @property
    def places(self) -> set[tuple[float, float, int | None]]:
        """Where and when the fixes are."""
        return {(fix.lat, fix.lon, fix.time) for fix in self.fixes}

    @property
    def replies(self) -> bytes:
        return b"".join(message.reply for message in self.messages)


@contextmanager
def watched() -> Iterator[None]:
    """Within this block of the main thread code that hangs is interrupted, by the time of the processor that it takes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _expire)
    _Watch.is_on = True
    try:
        yield
    finally:
        _Watch.is_on = False
        signal.signal(signal.SIGVTALRM, before)


class _Watch:
    is_on = False


def _expire(number: int, frame: Any) -> None:
    raise Hang


def guarded(call: Callable[[], Any]) -> tuple[Any, str]:
    """What the call gives, and what it may not do: raise anything but DecodeError, or not come back."""
    if _Watch.is_on:
        signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S)
    try:
        return call(), ""
    except Hang:
        return None, f"is not done after {HANG_S:g} s"
    except DecodeError:
        raise
    except (Exception, SystemExit) as error:
        return None, f"raises {_described(error)}"
    finally:
        if _Watch.is_on:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _described(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename.rpartition('/')[2]}:{place.lineno})"


def decode(vendor: IVendor, transport: Transport, device: str, pieces: list[bytes], *, ends: bool = True) -> Outcome:
    """Feed the pieces to a fresh decoder, and end it."""
    messages: list[Message] = []
    reason = ""
    try:
        result, fault = guarded(lambda: _fed(vendor.decoder(transport, device), pieces, messages, ends))
    except DecodeError as error:
        result, fault, reason = "", "", str(error) or "no reason given"
    fault = fault or result or next((text for text in map(malformed, messages) if text), "")
    return Outcome(tuple(messages), reason, fault) if fault else Outcome(tuple(map(timed, messages)), reason)


def _fed(decoder: IDecoder, pieces: list[bytes], messages: list[Message], ends: bool) -> str:
    """Feed the decoder, and say in what it breaks its bounds; ``messages`` has what it gave, before an error too."""
    most = 10 + sum(map(len, pieces))
    for piece in pieces:
        for message in decoder.feed(piece):
            messages.append(message)
            if len(messages) > most:
                return f"gives more than {most} messages, more than it has bytes"
        if not decoder.held <= decoder.max_buffer:
            return f"holds {decoder.held} bytes, and max_buffer is {decoder.max_buffer}"
    if ends:
        messages.extend(decoder.end())
    return ""


def of_sample(vendor: IVendor, sample: Sample) -> Outcome:
    """What a sample of bytes comes to, in one piece."""
    return decode(vendor, sample.transport, sample.device, [sample.data])


def is_complete(vendor: IVendor, sample: Sample) -> bool:
    """Whether a sample of a TCP connection needs nothing after it: neither a delimiter nor the end of the connection."""
    open_end = decode(vendor, sample.transport, sample.device, [sample.data], ends=False)
    if sample.transport != "tcp" or open_end.error or open_end.fault or open_end != of_sample(vendor, sample):
        return False
    decoder = vendor.decoder(sample.transport, sample.device)
    for _ in decoder.feed(sample.data):
        pass
    return decoder.held == 0


def malformed(message: Message) -> str:
    """What is wrong with a message as such, whatever it says; "" for nothing."""
    if not isinstance(message, Message):
        return f"gives a {type(message).__name__}, which is no Message"
    if not (isinstance(message.device, str) and isinstance(message.reply, bytes) and isinstance(message.refusal, bytes)):
        return "gives a message whose device is no str, or whose reply or refusal is no bytes"
    if message.fixes and not message.device:
        return "gives a fix without a device"
    for fix in message.fixes:
        if not (
            isinstance(fix.lat, float | int) and isinstance(fix.lon, float | int) and isfinite(fix.lat) and isfinite(fix.lon)
        ):
            return f"gives a fix at {fix.lat!r}, {fix.lon!r}"
        if not (fix.time is None or type(fix.time) is int):
            return f"gives a fix whose time is {fix.time!r}, no whole number of milliseconds"
        try:
            _json(fix)
        except Exception as error:  # whatever msgspec says of a value that it does not know
            return f"gives a fix that cannot be written as JSON: {error}"
    return _bad_reply(message)


def _bad_reply(message: Message) -> str:
    if message.timed_reply is None:
        return ""
    try:
        reply = message.timed_reply(NOW)
    except Exception as error:
        return f"cannot make its reply with the time: {_described(error)}"
    return "" if isinstance(reply, bytes) else f"its reply with the time is a {type(reply).__name__}, no bytes"


def timed(message: Message) -> Message:
    """The message with its reply made, so that two can be compared."""
    return replace(message, reply=message.timed_reply(NOW), timed_reply=None) if message.timed_reply else message
