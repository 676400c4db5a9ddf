"""What mutations brought to light: each kept as a file, tried again in every run of the tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, json

from waygps.conformance.decoding import Outcome, decode
from waygps.conformance.recognition import verdict
from waygps.conformance.splitting import difference
from waygps.conformance.subject import Finding
from waygps.interfaces import IVendor, Transport

CORPUS = Path("tests/protocols/corpus")
"""From the directory of the checkout."""


class Case(Struct, frozen=True):
    """Bytes that a decoder did not stand once."""

    vendor: str
    transport: Transport
    device: str
    data: str
    """In hex."""
    found: str
    """What was wrong then."""


def fault(vendor: IVendor, transport: Transport, device: str, data: bytes) -> str:
    """What is wrong with this input now, whole or split; "" for nothing."""
    whole = decode(vendor, transport, device, [data])
    asked = verdict(vendor, data, transport)[1]
    if whole.fault or asked or transport != "tcp":
        return whole.fault or (f"recognises {asked}" if asked else "")
    return _split(vendor, device, data, whole)


def _split(vendor: IVendor, device: str, data: bytes, whole: Outcome) -> str:
    text = difference(whole, decode(vendor, "tcp", device, [bytes([byte]) for byte in data]))
    if not text:
        places = range(1, len(data))
        cuts = (difference(whole, decode(vendor, "tcp", device, [data[:place], data[place:]])) for place in places)
        text = next((one for one in cuts if one), "")
    return f"split it {text}" if text else ""


def smaller(data: bytes, is_faulty: Callable[[bytes], bool], most: int = 400) -> bytes:
    """The same fault with fewer bytes: parts are taken away as long as it stays; ``most`` trials."""
    size = len(data) // 2
    while size and most > 0:
        for at in range(0, len(data), size):
            most -= 1
            part = data[:at] + data[at + size :]
            if most > 0 and part and is_faulty(part):
                data = part
                break
        else:
            size //= 2
    return data


def keep(directory: Path, vendor: IVendor, finding: Finding) -> Path:
    """Write a finding to a file, as small as it gets."""

    def is_faulty(data: bytes) -> bool:
        return bool(fault(vendor, finding.transport, finding.device, data))

    data = smaller(finding.data, is_faulty) if is_faulty(finding.data) else finding.data
    case = Case(vendor.name, finding.transport, finding.device, data.hex(), finding.text)
    path = directory / f"{vendor.name}-{hashlib.sha256(data).hexdigest()[:12]}.json"
    directory.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.format(json.encode(case)) + b"\n")
    return path


def cases(directory: Path) -> list[Case]:
    """All that is kept."""
    return [json.decode(path.read_bytes(), type=Case) for path in sorted(directory.glob("*.json"))]
