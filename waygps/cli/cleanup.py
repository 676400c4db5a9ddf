"""``waygps cleanup``: deletes the history that is older than it is to be kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from waygps.cli.database import DAYS, configured, database, located
from waygps.storage.retention import Dropped, Retention

NOT_SET = (
    "nothing is deleted: history.keep_days is 0, keep for ever. Set it for the server, or say --days N here to delete "
    "the months that ended at least N days ago."
)


@click.command()
@located
@click.option("--days", type=DAYS, help="Age of a month from its end; instead of history.keep_days.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and leave it.")
def cleanup(config: Path | None, data_dir: str | None, days: int | None, dry_run: bool) -> None:
    """Delete the months of the history of this age, and the refused fixes of that time. Devices report on meanwhile."""
    configuration = configured(config, data_dir)
    age = configuration.history.keep_days if days is None else days
    if days is None and not age:
        click.echo(NOT_SET)
        return
    with database(configuration) as connection:
        retention = Retention(connection)
        now = datetime.now(UTC)
        found = retention.due(now, age) if dry_run else retention.drop(now, age)
        for month in found:
            click.echo(_line(month, dry_run))
        refused = retention.refused(now, age) if dry_run else retention.drop_refused(now, age)
        if refused:
            click.echo(f"refused fixes: {refused:,} {'would be deleted' if dry_run else 'deleted'}")
        if not found and not refused:
            click.echo("nothing is that old")


def _line(month: Dropped, dry_run: bool) -> str:
    done = "would be deleted" if dry_run else "deleted"
    return f"{month.month}: {'about ' if month.estimated else ''}{month.fixes:,} fixes, {month.size / 1e6:,.1f} MB {done}"
