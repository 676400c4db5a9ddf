"""A WebSocket text message as bytes, made once for all who get it: compressed without context takeover it is the same for all."""

from __future__ import annotations

import struct
import zlib

LEAST = 1024
"""Bytes of a message below which it is not worth compressing."""
_FAST = 1
_FIN_TEXT, _COMPRESSED = 0x81, 0x40


def text_frame(payload: bytes, bits: int = 0) -> bytes:
    """The frame of this text (UTF-8), compressed for a client that takes permessage-deflate with a window of 2**bits bytes."""
    if not bits or len(payload) < LEAST:
        return _head(_FIN_TEXT, len(payload)) + payload
    deflated = _deflated(payload, bits)
    return _head(_FIN_TEXT | _COMPRESSED, len(deflated)) + deflated


def _head(first: int, length: int) -> bytes:
    if length <= 125:
        return struct.pack(">BB", first, length)
    return struct.pack(">BBH", first, 126, length) if length <= 0xFFFF else struct.pack(">BBQ", first, 127, length)


def _deflated(payload: bytes, bits: int) -> bytes:
    compress = zlib.compressobj(_FAST, zlib.DEFLATED, -bits)
    data = compress.compress(payload) + compress.flush(zlib.Z_SYNC_FLUSH)
    return data[:-4]  # RFC 7692, 7.2.1: the empty block at the end is not sent
