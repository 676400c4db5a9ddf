"""``waygps compact``: rewrites old months into the compact form now."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from waygps.cli.database import DAYS, configured, database, located
from waygps.storage.compaction import Compaction

NOT_SET = (
    "nothing is compacted: history.compact_after_days is 0. Set it for the server, or say --days N here to compact "
    "the months that ended at least N days ago."
)


@click.command()
@located
@click.option("--days", type=DAYS, help="Age of a month from its end; instead of history.compact_after_days.")
@click.option("--dry-run", is_flag=True, help="Say what would be compacted, and leave it.")
def compact(config: Path | None, data_dir: str | None, days: int | None, dry_run: bool) -> None:
    """Rewrite the months of this age into the compact form, which is read as before. Can be stopped at any time."""
    configuration = configured(config, data_dir)
    age = configuration.history.compact_after_days if days is None else days
    if days is None and not age:
        click.echo(NOT_SET)
        return
    with database(configuration) as connection:
        compaction = Compaction(connection, click.echo)
        due = compaction.due(datetime.now(UTC), age)
        for month in due if dry_run else ():
            click.echo(f"{month}: {compaction.size(month) / 1e6:,.1f} MB would be compacted")
        if not due:
            click.echo("no month of this age has rows to compact")
        elif not dry_run:
            compaction.run(datetime.now(UTC), age)
