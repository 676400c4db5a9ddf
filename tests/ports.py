"""Ports of 127.0.0.1 for the tests' own servers."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port that TCP and UDP can be opened on just now."""
    while True:
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            stream.bind(("127.0.0.1", 0))
            port = int(stream.getsockname()[1])
            try:
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
