"""The rule behind ``calidad_datos``.

| quality   | rule                                                                          |
|-----------|-------------------------------------------------------------------------------|
| mala      | the device says that it had no fix, or fewer than 4 satellites, or HDOP > 10   |
| excelente | both figures are known, HDOP at most 1.5 and at least 8 satellites             |
| regular   | HDOP above 5, or 4 satellites (a solution without redundancy)                  |
| buena     | everything else, a device that gives neither figure included                   |

An HDOP of 0 is a device without a figure. The bounds are the usual reading of dilution of precision: below 2 excellent, up to 5
good, up to 10 moderate.
"""

from __future__ import annotations

from waygps.fix import Fix


def quality(fix: Fix) -> str:
    """The quality of a fix by the rule above."""
    satellites, hdop = fix.satellites, fix.hdop or None
    if not fix.valid or (satellites is not None and satellites < 4) or (hdop is not None and hdop > 10):
        return "mala"
    if (hdop is not None and hdop > 5) or satellites == 4:
        return "regular"
    if hdop is not None and hdop <= 1.5 and satellites is not None and satellites >= 8:
        return "excelente"
    return "buena"
