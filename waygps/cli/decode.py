"""``waygps decode VENDOR``: what the server makes of a device's messages, without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import click
from msgspec import DecodeError as NotJSON
from msgspec import Struct, json, to_builtins

from waygps.errors import DecodeError
from waygps.fix import Fix, Message
from waygps.ingest.decoding import fenced
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IDecoder, IRequests, IVendor
from waygps.request import request


class Asked(Struct):
    """An HTTP request as files of frames have it."""

    method: str
    uri: str
    headers: dict[str, str] | None = None
    body: str | None = None


class Line(Struct):
    """One line of input in its JSON form; ``frame`` is hex, ``request`` stands in its place for HTTP."""

    frame: str | None = None
    request: Asked | None = None
    device: str = ""
    transport: Literal["tcp", "udp", "http"] = "tcp"


ALWAYS = ("lat", "lon", "altitude_m", "speed_kmh", "course_deg", "valid")


class Unusable(Exception):
    """The line of input holds no message."""


@click.command()
@click.argument("vendor")
@click.option("--device", default="", help="Identification that the connection has given already, for lines of plain hex.")
@click.option(
    "--transport", type=click.Choice(["tcp", "udp", "http"]), default="tcp", show_default=True, help="For lines of plain hex."
)
@click.option("--protocol-dir", multiple=True, type=click.Path(path_type=Path), help="Directory with further protocol files.")
def decode(vendor: str, device: str, transport: Literal["tcp", "udp", "http"], protocol_dir: tuple[Path, ...]) -> None:
    """Decode messages from standard input, one a line, and print a JSON object for each.

    A line is plain hex, or a JSON object with "frame" (hex), "device" and "transport", or with "request" ("method", "uri",
    "headers", "body") for HTTP. Each is one message of a fresh connection that is already known to be its device. The exit code
    is 0 however bad the messages are.

    \b
        echo '000F333536333037303432343431303133' | waygps decode teltonika
        waygps decode queclink < queclink.jsonl
    """
    vendors = find_vendors(protocol_dir)
    if vendor not in vendors:
        raise click.BadParameter(f"there is no vendor {vendor}; there are: {', '.join(vendors)}", param_hint="VENDOR")
    for text in sys.stdin.buffer:
        if text.strip():
            result = decoded(vendors[vendor].vendor, text.strip(), Line(device=device, transport=transport))
            sys.stdout.buffer.write(json.encode(result) + b"\n")
            sys.stdout.buffer.flush()


def decoded(vendor: IVendor, text: bytes, usual: Line) -> dict[str, Any]:
    """What one line comes to; ``usual`` has the device and transport of a line of plain hex."""
    result: dict[str, Any] = {"fixes": [], "reply": None, "warnings": [], "errors": []}
    reply = b""
    try:
        line = _line(text, usual)
        for message in _requested(vendor, line.request) if line.request else _sent(vendor, line):
            result["fixes"] += [shown(message, fix) for fix in message.fixes]
            result["warnings"] += message.warnings
            reply += message.reply
    except (Unusable, DecodeError) as error:
        result["errors"].append(str(error))
    result["reply"] = reply.hex() or None
    return result


def shown(message: Message, fix: Fix) -> dict[str, Any]:
    """A fix with the time as ISO 8601; of what the message does not say only the position's own fields, as null."""
    told = {name: value for name, value in to_builtins(fix).items() if name in ALWAYS or value not in (None, {})}
    return {"device": message.device, **told, "time": _iso(fix.time)}


def _iso(time: int | None) -> str | None:
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _line(text: bytes, usual: Line) -> Line:
    if not text.startswith(b"{"):
        return Line(text.decode("latin-1"), None, usual.device, usual.transport)
    try:
        return json.decode(text, type=Line)
    except (NotJSON, UnicodeDecodeError) as error:
        raise Unusable(f"not a line of frames: {error}") from None


def _requested(vendor: IVendor, asked: Asked) -> Iterator[Message]:
    speaker = IRequests(vendor, None)
    if speaker is None:
        raise Unusable("this vendor's devices do not speak HTTP")
    made = request(asked.method, asked.uri, asked.headers, (asked.body or "").encode())
    return fenced(lambda: speaker.messages(made))


def _sent(vendor: IVendor, line: Line) -> Iterator[Message]:
    data = _bytes(line)
    return _messages(vendor.decoder(line.transport, line.device), data)


def _bytes(line: Line) -> bytes:
    try:
        return bytes.fromhex(line.frame or "")
    except ValueError:
        raise Unusable("the line is neither hex nor a JSON object") from None


def _messages(decoder: IDecoder, data: bytes) -> Iterator[Message]:
    yield from fenced(lambda: decoder.feed(data))
    held, last = decoder.held, list(fenced(decoder.end))
    yield from last
    if held and not last:
        raise Unusable(f"{held} bytes are the beginning of a message that is not complete")
