"""Draws a result of ``make bench``: throughput and latency over the offered load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot  # the backend is chosen first


def draw(result: dict[str, Any], path: Path) -> None:
    """Write the picture; ``result`` is what benchmarks.store keeps as JSON."""
    points = [run for run in result["sweep"] if run["offered"]]
    offered = [run["offered"] for run in points]
    figure, (rates, times) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 8), layout="constrained")
    rates.plot(offered, [run["rate"] for run in points], "o-", label="stored and acknowledged")
    rates.axhline(result["ten"]["rate"], linestyle="--", label="highest rate, 10 records a packet")
    rates.axhline(result["copy_rows_per_s"], linestyle=":", color="grey", label="COPY into the same table")
    rates.set_ylabel("fixes/s")
    for name, style in (("p50_ms", "o-"), ("p99_ms", "s-")):
        times.plot(offered, [run[name] for run in points], style, label=name.removesuffix("_ms"))
    times.set_yscale("log")
    times.set_ylabel("acknowledgement, ms")
    times.set_xlabel("offered load, fixes/s (500 devices, 10 records a packet)")
    for axes in (rates, times):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(f"WayGPS {result['version']}, {result['when']}")
    figure.savefig(path, dpi=120)
