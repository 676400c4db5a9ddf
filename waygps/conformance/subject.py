"""What is checked, and what a check finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from waygps.interfaces import IVendor, Transport
from waygps.vendor import Sample


class Finding(Struct, frozen=True):
    """One thing that a check found."""

    text: str
    is_fault: bool = True
    """Whether it is to be mended; otherwise it is for information."""
    data: bytes = b""
    """The bytes that show it."""
    transport: Transport = "tcp"
    device: str = ""

    def __str__(self) -> str:
        return f"{self.text}: {shown(self.data)}" if self.data else self.text


class Subject(Struct, frozen=True, kw_only=True):
    """A vendor with what it is tried on."""

    vendor: IVendor
    samples: tuple[Sample, ...] = ()
    others: tuple[IVendor, ...] = ()
    """The vendors that it has to live beside."""
    mutations: int = 100_000
    seed: int = 1
    is_timed: bool = True
    """Whether time is measured too, beside the work that is counted: not where other programs share the machine."""

    @property
    def texts(self) -> Iterator[tuple[str, Sample]]:
        """The samples of bytes, each with its name in the report."""
        return ((f"samples[{at}]", sample) for at, sample in enumerate(self.samples) if sample.request is None)

    @property
    def asked(self) -> Iterator[tuple[str, Sample]]:
        """The samples that are HTTP requests."""
        return ((f"samples[{at}]", sample) for at, sample in enumerate(self.samples) if sample.request is not None)


Check = Callable[[Subject], Iterator[Finding]]


def shown(data: bytes, most: int = 120) -> str:
    """Bytes for a person: as text where they are, otherwise in hex."""
    head = data[:most]
    text = repr(head.decode("ascii"))[1:-1] if all(32 <= byte < 127 or byte in b"\r\n" for byte in head) else head.hex()
    return f"{text}… ({len(data)} bytes)" if len(data) > most else text
