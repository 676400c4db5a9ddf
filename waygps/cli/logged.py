"""What is logged, on the terminal of who runs a command."""

from __future__ import annotations

import click
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer


@implementer(ILogObserver)
class Complaints:
    """Tells what is wrong, on standard error."""

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_level") in (LogLevel.warn, LogLevel.error, LogLevel.critical):
            click.echo(formatEvent(event), err=True)
            if "log_failure" in event:
                click.echo(event["log_failure"].getTraceback().rstrip(), err=True)


def told() -> None:
    """Tell what is logged from here on, until the command ends."""
    observer = Complaints()
    globalLogPublisher.addObserver(observer)
    click.get_current_context().call_on_close(lambda: globalLogPublisher.removeObserver(observer))
