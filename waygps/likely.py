"""Whose a connection is, told by a pattern at its beginning. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from waygps.interfaces import Verdict


def by_pattern(pattern: re.Pattern[bytes], beginnings: Iterable[bytes], data: bytes) -> Verdict:
    """YES where ``data`` begins with the pattern, MORE where further bytes can still make it so.

    That is tried with ``beginnings``: one message of each kind and length that the pattern knows. If the rest of one of them
    completes ``data``, further bytes can. So fields of varying length need an example of each length.
    """
    if pattern.match(data):
        return Verdict.YES
    return Verdict.MORE if any(pattern.match(data + whole[len(data) :]) for whole in beginnings) else Verdict.NO
