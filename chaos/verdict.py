"""What the devices were told beside what the history has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from chaos.devices import Place, Tracker
from tests.postgres import execute

HISTORY = """
SELECT m.imei, round(extract(epoch FROM p.fecha_gps) * 1000)::bigint, count(*),
       min(p.latitud)::float8, min(p.longitud)::float8
FROM posiciones_historicas p JOIN moviles m ON m.id = p.movil_id GROUP BY 1, 2
"""
APART = "SELECT imei, motivo, count(*), min(fecha_gps) FROM posiciones_rechazadas GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10"
ROUNDING = 2e-6
"""Degrees: the history keeps six decimals."""


class Verdict(Struct, frozen=True):
    """The sums, and each fix that is not there, there at another place, or there more than once."""

    acknowledged: int
    stored: int
    """Rows of the history; more than were acknowledged where an answer was lost."""
    lost: list[str]
    double: list[str]

    @property
    def is_good(self) -> bool:
        """Whether every acknowledged fix is in the history exactly once."""
        return not (self.lost or self.double)


def judge(url: str, fleet: Sequence[Tracker]) -> Verdict:
    """Compare everything that was ever acknowledged with the history at ``url``."""
    rows = execute(url, HISTORY)
    history = {(imei, time): (lat, lon) for imei, time, _, lat, lon in rows}
    names: dict[str, str] = {tracker.imei: tracker.name for tracker in fleet}
    lost = [
        _named(tracker.name, time)
        for tracker in fleet
        for time, place in tracker.acknowledged.items()
        if not _is_at(place, history.get((tracker.imei, time)))
    ]
    double = [f"{_named(names.get(imei, str(imei)), time)} x {count}" for imei, time, count, _, _ in rows if count != 1]
    return Verdict(sum(len(each.acknowledged) for each in fleet), sum(row[2] for row in rows), lost, double)


def set_apart(url: str) -> list[str]:
    """Why fixes are not in the history but in posiciones_rechazadas: a hint at where a lost one went."""
    return [f"{imei}: {count} set apart, the first of {first}: {reason}" for imei, reason, count, first in execute(url, APART)]


def _is_at(place: Place, stored: Place | None) -> bool:
    return stored is not None and all(abs(one - other) <= ROUNDING for one, other in zip(place, stored, strict=True))


def _named(name: str, time: int) -> str:
    return f"{name} {datetime.fromtimestamp(time / 1000, UTC).isoformat()}"
