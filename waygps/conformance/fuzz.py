"""``make fuzz``: millions of mutated messages over all vendors, on all cores, within a bounded memory.

    python -m waygps.conformance.fuzz --count 10000000 --seed 7

starts from the vendors' samples and from captured messages, and ends with 1 where a decoder hangs, raises anything but
DecodeError, holds or gives what it may not, or depends on how its bytes are split. What it finds is kept in
tests/protocols/corpus/.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from multiprocessing import Pool
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import click
from msgspec import Struct, json

from waygps.conformance import asking
from waygps.conformance.corpus import CORPUS, keep
from waygps.conformance.decoding import watched
from waygps.conformance.mutations import Fuzzing
from waygps.conformance.subject import Finding, Subject
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IVendor
from waygps.vendor import Sample

BATCH = 20_000
"""Mutants of one vendor in a row; then it begins anew with another seed."""
MEMORY = 2 << 30
"""Bytes of a worker's address space: what takes more raises MemoryError, which is a finding."""
FRAMES = Path("tests/frames")


class Batch(Struct, frozen=True):
    """A part of the run."""

    vendor: str
    seed: int
    count: int


class Result(Struct, frozen=True):
    """What became of a batch."""

    batch: Batch
    findings: list[Finding]
    memory_mb: int
    """The most that the worker took until then."""


def batches(vendors: Iterable[str], count: int, seed: int) -> Iterator[Batch]:
    """Every vendor in turn, until there are so many."""
    names, random = list(vendors), Random(seed)
    for number in range(0, count, BATCH):
        yield Batch(names[number // BATCH % len(names)], random.randrange(2**32), min(BATCH, count - number))


def captured(vendor: IVendor, directory: Path = FRAMES) -> list[Sample]:
    """The captured messages of a vendor, where the directory has some."""
    path = directory / f"{vendor.name}.jsonl"
    lines = [json.decode(line, type=dict[str, Any]) for line in path.read_bytes().splitlines()] if path.exists() else []
    return [
        Sample(data=bytes.fromhex(line["frame"]), transport=line.get("transport", "tcp"), device=line.get("device") or "")
        for line in lines
        if line.get("frame")
    ]


def run(batch: Batch) -> Result:
    """Try a batch; each kind of fault is given once."""
    vendor = find_vendors()[batch.vendor].vendor
    samples = (*getattr(vendor, "samples", ()), *captured(vendor))
    subject = Subject(vendor=vendor, samples=samples, mutations=batch.count, seed=batch.seed)
    with watched():
        findings = list(_tried(subject))
    return Result(batch, findings, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def _tried(subject: Subject) -> Iterator[Finding]:
    if set(subject.vendor.transports) != {"http"}:
        fuzzing = Fuzzing(subject)
        yield from (finding for _ in range(subject.mutations) if (finding := fuzzing.step()))
    if any(subject.asked):
        yield from (finding for finding in asking.check(subject) if finding.is_fault)


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@click.command()
@click.option("--count", default=10_000_000, show_default=True, type=click.IntRange(1), help="Mutated messages in all.")
@click.option("--seed", type=int, help="Repeats a run.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option("--corpus", default=CORPUS, show_default=True, type=click.Path(path_type=Path), help="Where findings are kept.")
def main(count: int, seed: int | None, workers: int, corpus: Path) -> None:
    """Mutated messages over all installed vendors."""
    seed = SystemRandom().randrange(2**32) if seed is None else seed
    vendors = {name: found.vendor for name, found in find_vendors().items()}
    click.echo(f"{count:,} mutations over {', '.join(vendors)}; --seed {seed} repeats them")
    begun, done, memory, kept = time.monotonic(), 0, 0, set[Path]()
    with Pool(workers, initializer=_bounded) as pool:
        for result in pool.imap_unordered(run, batches(vendors, count, seed)):
            done, memory = done + result.batch.count, max(memory, result.memory_mb)
            for finding in result.findings:
                click.echo(f"{result.batch.vendor}: {finding}")
                kept.add(keep(corpus, vendors[result.batch.vendor], finding))
            if done % (25 * BATCH) == 0:
                click.echo(f"  {done:,} in {time.monotonic() - begun:.0f} s, {memory} MB a worker")
    click.echo(f"{done:,} mutations in {time.monotonic() - begun:.0f} s, {memory} MB a worker, {len(kept)} kinds of fault")
    sys.exit(bool(kept))


if __name__ == "__main__":
    main()
