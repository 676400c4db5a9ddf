"""``python -m chaos --rounds 20``: prints what failed in each round, and what became of what was acknowledged."""

from __future__ import annotations

import sys
from pathlib import Path
from random import SystemRandom

import click

from chaos.rounds import Chaos, Outcome, Unwell
from chaos.stage import Stage
from chaos.verdict import Verdict, set_apart

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
NAMED = 20
"""Fixes that are named of each sort of fault."""


@click.command()
@click.option("--rounds", default=20, type=click.IntRange(1, 1000))
@click.option("--seed", default=None, type=int, help="What fails when; a new one without.")
@click.option("--devices", default=36, type=click.IntRange(6, 300))
@click.option("--seconds", default=8.0, type=click.FloatRange(2, 60), help="About how long the load of a round lasts.")
def main(rounds: int, seed: int | None, devices: int, seconds: float) -> None:
    """Play the rounds; ends with 1 where a fix is lost or double, or the server does not recover."""
    seed = SystemRandom().randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    stage = Stage(devices)
    try:
        good = _play(Chaos(stage, seed, seconds), rounds, stage)
        if not good:
            click.echo(f"the server's log is kept in {stage.keep_log(ARTIFACTS, f'chaos-{seed}.log')}")
    finally:
        stage.close()
    sys.exit(not good)


def _play(chaos: Chaos, rounds: int, stage: Stage) -> bool:
    """Whether all was well."""
    verdict, number = Verdict(0, 0, [], []), 0
    for number in range(1, rounds + 1):
        try:
            outcome = chaos.play(number)
        except Unwell as error:
            click.echo(f"round {number}: {error}")
            return False
        verdict = _said(outcome)
        if not verdict.is_good:
            break
    _say_faults(verdict, stage)
    click.echo(
        f"rounds {number}, acknowledged {verdict.acknowledged}, stored {verdict.stored}, "
        f"lost {len(verdict.lost)}, double {len(verdict.double)}"
    )
    return verdict.is_good


def _said(outcome: Outcome) -> Verdict:
    click.echo(str(outcome))
    assert outcome.verdict is not None
    return outcome.verdict


def _say_faults(verdict: Verdict, stage: Stage) -> None:
    for title, fixes in (("lost", verdict.lost), ("double", verdict.double)):
        for fix in fixes[:NAMED]:
            click.echo(f"{title}: {fix}")
    if verdict.lost:
        click.echo("\n".join(set_apart(stage.url)))


if __name__ == "__main__":
    main()
