"""No input makes a decoder work, wait or hold without bound: the work is counted in lines of Python, so no clock decides."""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from waygps.conformance.decoding import decode
from waygps.conformance.subject import Finding, Subject
from waygps.interfaces import IVendor

SIZES = (1024, 2048, 4096)
"""Bytes of input: each step is twice the one before, and takes twice the work; more than GROWTH times as much is too much."""
GROWTH = 3
LITTLE = 2000
"""Lines that are nothing: below that a growth means a first message, and not a bad algorithm."""
TIMED = (16_384, 32_768, 65_536)
SLOW_S = 0.05
"""Seconds of the processor that are no matter, however they grow."""
SLOW_US = 20
"""Microseconds a byte that are too many even where they do not grow: a full segment would stop all other devices for a second."""
PIECE = 1400
KEPT = 32_768
"""Bytes that a decoder may keep beside twice its max_buffer."""


def check(subject: Subject) -> Iterator[Finding]:
    """The buffer, the work a byte, the memory, on what never ends and what begins again and again."""
    if "tcp" not in subject.vendor.transports:
        return
    for name, head in _heads(subject):
        for how, stream in _endless(head):
            text = _held(subject.vendor, stream) or _work(subject.vendor, stream)
            if not text and subject.is_timed:
                text = _time(subject.vendor, stream)
            if text:
                yield Finding(f"{name} {how}: {text}", data=stream(64))
                break  # the others say the same, and take long
    yield from _memory(subject)


def _heads(subject: Subject) -> Iterator[tuple[str, bytes]]:
    """The first samples of a few kinds; without samples nothing but fillers."""
    seen: set[bytes] = set()
    for name, sample in subject.texts:
        if sample.transport == "tcp" and sample.data[:4] not in seen and len(seen) < 2:
            seen.add(sample.data[:4])
            yield name, sample.data
    if not seen:
        yield "bytes", b"\0A"


def _endless(head: bytes) -> Iterator[tuple[str, Callable[[int], bytes]]]:
    """Inputs of any size made of a sample."""
    half = head[: len(head) // 2] or head
    yield "again and again", lambda size: (head * (size // len(head) + 1))[:size]
    yield "broken off and followed by text", lambda size: half + b"A" * (size - len(half))
    yield "broken off and followed by digits", lambda size: half + b"1" * (size - len(half))
    yield "broken off and followed by zeros", lambda size: half + bytes(size - len(half))
    for length in (1, 2, 4):
        begin = head[:length]
        yield f"whose first {length} bytes come again and again", lambda size, begin=begin: (begin * size)[:size]  # type: ignore[misc]


def _held(vendor: IVendor, stream: Callable[[int], bytes]) -> str:
    data = stream(SIZES[-1])
    for pieces in ([data], [data[at : at + 100] for at in range(0, len(data), 100)]):
        if fault := decode(vendor, "tcp", "1", pieces).fault:
            return fault
    return ""


def _work(vendor: IVendor, stream: Callable[[int], bytes]) -> str:
    sizes = _beyond(vendor, SIZES)
    for how, size_of_piece in (("in one piece", sizes[-1]), ("byte by byte", 1)):
        lines = []
        for size in sizes:
            data = stream(size)
            pieces = [data[at : at + size_of_piece] for at in range(0, size, size_of_piece)]
            lines.append(lines_of(lambda pieces=pieces: _run(vendor, pieces)))  # type: ignore[misc]
        if _grows(lines, LITTLE):
            told = ", ".join(f"{count:,} for {size:,}" for count, size in zip(lines, sizes, strict=True))
            return f"{how} twice the bytes take more than twice the work (lines of Python: {told} bytes)"
    return ""


def _beyond(vendor: IVendor, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """These sizes, from where the buffer is full on if it gets full among them: what is skipped only then is no growth."""
    full = int(vendor.decoder("tcp", "1").max_buffer)
    return tuple(size + full for size in sizes) if full < sizes[-1] else sizes


def _grows(spent: Sequence[float], little: float) -> bool:
    """Whether the work for more bytes grows faster than their number."""
    first, second, third = spent
    return third - second > GROWTH * max(0, second - first) + little


def _run(vendor: IVendor, pieces: list[bytes]) -> None:
    """As ``decode``, without what that does itself."""
    decoder = vendor.decoder("tcp", "1")
    try:
        for piece in pieces:
            for _ in decoder.feed(piece):
                pass
    except Exception:  # which other checks tell
        return


def lines_of(call: Callable[[], object]) -> int:
    """Lines of Python that run in this call."""
    count = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def _time(vendor: IVendor, stream: Callable[[int], bytes]) -> str:
    """What no line of Python shows: a search or a copy of all that is held at every step."""
    sizes = _beyond(vendor, TIMED)
    times = [min(_seconds(vendor, [stream(size)]) for _ in range(2)) for size in sizes]
    told = ", ".join(f"{1000 * spent:.0f} ms for {size:,}" for spent, size in zip(times, sizes, strict=True))
    if _grows(times, SLOW_S):
        return f"in one piece twice the bytes take more than twice as long ({told} bytes)"
    if times[-1] > SLOW_US * sizes[-1] / 1e6:
        return f"a byte takes more than {SLOW_US} us ({told} bytes)"
    return ""


def _seconds(vendor: IVendor, pieces: list[bytes]) -> float:
    begun = time.process_time()
    _run(vendor, pieces)
    return time.process_time() - begun


def _memory(subject: Subject) -> Iterator[Finding]:
    """What a decoder keeps of much that never becomes a message, whatever it says that it holds."""
    name, head = next(_heads(subject))
    for how, stream in islice(_endless(head), 3):
        decoder = subject.vendor.decoder("tcp", "1")
        data = stream(3 * (decoder.max_buffer + KEPT))
        kept = _kept(decoder, [data[at : at + PIECE] for at in range(0, len(data), PIECE)])
        if kept > 2 * decoder.max_buffer + KEPT:
            yield Finding(f"{name} {how}: it keeps {kept:,} bytes of memory, its max_buffer is {decoder.max_buffer:,}")
            return


def _kept(decoder: Any, pieces: list[bytes]) -> int:
    tracemalloc.start()
    try:
        for piece in pieces:
            for _ in decoder.feed(piece):
                pass
    except Exception:  # after which it is not used again
        return 0
    else:
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
