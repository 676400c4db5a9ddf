"""``make bench-history``: how fast the history and the fleet are read when the history is long.

Fills a PostgreSQL of its own, and asks what the REST, the map and the questions of area ask, through the code that asks it. The
directory, 20 GB for 50 million rows, is removed at the end.

    python -m benchmarks.history --rows 5000000 --days 60
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import click
from msgspec import json
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import react

from benchmarks.filling import VEHICLES, connected, fill, server
from waygps.live.messages import initial_state
from waygps.storage.fleet import Fleet
from waygps.storage.retention import Retention
from waygps.storage.session import Session

RESULTS = Path(__file__).with_name("results")
CENTRES = ((-34.6037, -58.3816), (-31.42, -64.18), (-32.95, -60.66), (-38.0, -57.55))
MOST_POSITIONS = 10_000
"""The most positions that the REST gives at once."""

Say = Callable[[str], object]


async def timed(ask: Callable[[], Awaitable[object]], times: int) -> dict[str, float]:
    """How long the question took, in milliseconds: the middle, the 95th and the 99th of a hundred, and the longest."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {name: round(taken[int(times * share)], 2) for name, share in at.items()} | {"longest": round(taken[-1], 2)}


class Questions:
    """What is asked, by name; each asks of another vehicle or place every time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._fleet = Fleet(session)
        self._random = Random(1)
        self.answered = 0
        """How much the last question gave: bytes, or rows."""

    async def last_day(self, most: int = MOST_POSITIONS) -> None:
        """A vehicle's last 24 hours, as the REST answers."""
        now = datetime.now(UTC)
        text = await self._fleet.positions(self._random.randint(1, VEHICLES), now - timedelta(days=1), now, most)
        self.answered = len(text.encode())

    async def map_opens(self) -> None:
        """The initial_state of all vehicles."""
        self.answered = len(initial_state(await self._fleet.vehicles()))

    def area(self, question: str, hours: float | None) -> Callable[[], Awaitable[None]]:
        """A question of area, somewhere in a city; with ``hours`` it is of the history, of a span that long in the last weeks."""

        async def ask() -> None:
            lat, lon = self._random.choice(CENTRES)
            values: dict[str, object] = {
                "lat": lat + self._random.uniform(-0.05, 0.05),
                "lon": lon - self._random.uniform(0, 0.1),
            }
            if hours is not None:
                values["until"] = datetime.now(UTC) - timedelta(days=self._random.uniform(0, 25))
                values["since"] = values["until"] - timedelta(hours=hours)  # type: ignore[operator]
            ((self.answered,),) = await self._session.query(f"SELECT count(*) FROM {question}", values)  # type: ignore[arg-type]

        return ask


SPAN = "%(since)s, %(until)s"
BLOCK = "%(lat)s - 0.005, %(lon)s - 0.005, %(lat)s + 0.005, %(lon)s + 0.005"
CITY = "%(lat)s - 0.1, %(lon)s - 0.1, %(lat)s + 0.1, %(lon)s + 0.1"
CIRCLE = "%(lat)s, %(lon)s, 500"
AREAS: dict[str, tuple[str, float | None]] = {
    "vehicles in a city": (f"moviles_en_rectangulo({CITY})", None),
    "vehicles within 500 m": (f"moviles_en_radio({CIRCLE})", None),
    "the 10 nearest vehicles": ("moviles_cercanos(%(lat)s, %(lon)s, 10)", None),
    "positions in 1 km x 1 km, 1 hour": (f"posiciones_en_rectangulo({BLOCK}, {SPAN})", 1),
    "positions in 1 km x 1 km, 1 day": (f"posiciones_en_rectangulo({BLOCK}, {SPAN})", 24),
    "positions in 1 km x 1 km, 30 days": (f"posiciones_en_rectangulo({BLOCK}, {SPAN})", 720),
    "positions in a city, 1 hour": (f"posiciones_en_rectangulo({CITY}, {SPAN})", 1),
    "positions within 500 m, 1 hour": (f"posiciones_en_radio({CIRCLE}, {SPAN})", 1),
    "positions within 500 m, 1 day": (f"posiciones_en_radio({CIRCLE}, {SPAN})", 24),
    "the 10 nearest positions, 1 hour": (f"posiciones_cercanas(%(lat)s, %(lon)s, 10, {SPAN})", 1),
    "the 10 nearest positions, 1 day": (f"posiciones_cercanas(%(lat)s, %(lon)s, 10, {SPAN})", 24),
    "bad fixes of all vehicles, 1 day": (
        f"posiciones_historicas WHERE calidad_datos = 'mala' AND fecha_gps BETWEEN {SPAN.replace(',', ' AND')}",
        24,
    ),
}


def drop_months(url: str) -> dict[str, Any]:
    """Delete every month that has ended, as retention does; inserts go on meanwhile."""
    with connected(url) as connection:
        retention = Retention(connection)
        begun = time.perf_counter()
        dropped = retention.drop(datetime.now(UTC), 0)
        milliseconds = round((time.perf_counter() - begun) * 1000, 1)
    return {"months": len(dropped), "rows": sum(month.fixes for month in dropped), "ms": milliseconds}


async def measure(reactor: Any, url: str, say: Say) -> dict[str, Any]:
    """Ask all questions."""
    session = Session(reactor, url, "benchmark")
    await session.start()
    questions = Questions(session)
    asked: dict[str, tuple[Callable[[], Awaitable[None]], int]] = {
        "a vehicle's last 24 hours": (questions.last_day, 400),
        "initial_state, 10,000 vehicles": (questions.map_opens, 20),
    }
    asked |= {name: (questions.area(question, hours), 20) for name, (question, hours) in AREAS.items()}
    results = {}
    for name, (ask, times) in asked.items():
        results[name] = await timed(ask, times) | {"answered": questions.answered}
        figures = "".join(f"{results[name][key]:10,.1f}" for key in ("p50", "p95", "p99"))
        say(f"{name:<36}{figures}    {questions.answered:,}")
    session.stop()
    return results


def run(reactor: Any, rows: int, days: float, say: Say) -> Any:
    """Fill, ask, drop a month; a Deferred."""

    async def all_of_it() -> None:
        with server() as url:
            filled = fill(url, rows, days)
            say(f"{rows:,} rows of {VEHICLES:,} vehicles in {days:g} days; {filled['rows_per_s']:,} rows/s while filling")
            say(f"{filled['row_bytes']} bytes a row, its indexes {filled['index_bytes']}")
            say(f"the machine's load before asking: {os.getloadavg()[0]:.1f}")
            say(f"{'milliseconds':<36}{'p50':>10}{'p95':>10}{'p99':>10}    the last answer, bytes or rows")
            results = await measure(reactor, url, say)
            dropped = drop_months(url)
            say(f"{dropped['months']} months of {dropped['rows']:,} rows deleted in {dropped['ms']:,} ms")
        keep({"rows": rows, "days": days, "filled": filled, "questions_ms": results, "dropped": dropped}, say)

    return ensureDeferred(all_of_it())


def keep(result: dict[str, Any], say: Say) -> None:
    """Write the JSON beside the other results."""
    result["when"] = datetime.now(UTC).isoformat(timespec="seconds")
    path = RESULTS / f"history-{result['when'].replace(':', '')}.json"
    RESULTS.mkdir(exist_ok=True)
    path.write_bytes(json.format(json.encode(result)))
    say(f"kept in {os.path.relpath(path)}")


@click.command()
@click.option("--rows", default=50_000_000, type=click.IntRange(VEHICLES, 500_000_000))
@click.option("--days", default=60.0, type=click.FloatRange(1, 1000), help="Over how many days up to now they are spread.")
def main(rows: int, days: float) -> None:
    """Read a long history. 50 million rows take some 20 GB under BENCH_DIR (or the system's temporary directory)."""
    react(lambda reactor: run(reactor, rows, days, lambda line: print(line, flush=True)))


if __name__ == "__main__":
    main()
