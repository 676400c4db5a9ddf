"""What a person reads when the server has started."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from waygps.config import Configuration
from waygps.storage.receivers import Receiver


class Opened(Protocol):
    """See waygps.ingest.receivers.ReceiverService."""

    @property
    def receiver(self) -> Receiver: ...

    @property
    def fault(self) -> str: ...


class Announced(Struct, frozen=True):
    """A receiver that other processes open."""

    receiver: Receiver
    fault: str = ""


def banner(configuration: Configuration, receivers: Iterable[Opened], login: str, web_fault: str) -> str:
    """One block: the map's address, how to log in, what to point a device at."""
    web = configuration.web
    host = web.interface or "localhost"
    lines = [
        f"Map       http://{host}:{web.port}/" + (f"   NOT OPEN: {web_fault}" if web_fault else ""),
        f"Login     {login}",
        "",
    ]
    lines.append("Point a device at this machine:")
    for opened in receivers:
        receiver = opened.receiver
        lines.append(
            f"  {receiver.name:<24} {receiver.transport} {receiver.port:<6}"
            + (f" NOT OPEN: {opened.fault}" if opened.fault else "")
        )
    if configuration.simulate:
        lines += ["", f"{configuration.simulate} simulated vehicles are driving around Buenos Aires."]
    return framed("WayGPS is running", lines)


def framed(title: str, lines: list[str]) -> str:
    """The lines in a frame with a title."""
    width = max(len(title) + 2, *(len(line) for line in lines))
    top = f"┌─ {title} {'─' * (width - len(title) - 2)}─┐"
    return "\n".join(["", top, *(f"│ {line:<{width}} │" for line in lines), f"└{'─' * (width + 2)}┘", ""])
