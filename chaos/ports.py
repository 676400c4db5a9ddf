"""Ports for servers that come and go."""

from __future__ import annotations

import socket
from random import SystemRandom

BELOW_EPHEMERAL = range(20_000, 32_000)
"""Where the kernel takes no port for an outgoing connection. In its own range a device that tries a server that is away can be
given the very port that it connects to, and then talks to itself, or holds the port that the server comes back to."""


def settled_port() -> int:
    """A port of 127.0.0.1, for TCP and UDP, that stays free while nobody listens."""
    random = SystemRandom()
    while True:
        port = random.choice(BELOW_EPHEMERAL)
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            try:
                stream.bind(("127.0.0.1", port))
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
