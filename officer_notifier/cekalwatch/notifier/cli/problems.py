"""Commands to list problems of cameras and sources, and to acknowledge one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cekalwatch.notifier.cli.alert_output import short_key
from cekalwatch.notifier.cli.options import with_settings
from cekalwatch.notifier.cli.session import explained_refusals
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.alarm_client import AlarmClient
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.locale.alarm_formatting import AlarmFormatter
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.session_file import SessionFile
from cekalwatch.wire.calls import Calls

commands = typer.Typer(no_args_is_help=True, help="Problems of cameras and the watchlist; sign in first.")

Key = Annotated[str, typer.Argument(metavar="ID", help="The problem's id, or its last characters.")]
Days = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Problems that began within this number of days.")]


@commands.command("list", epilog="Example:\n\n  cekalwatch-notifier problems list --days 31")
@with_settings
def list_problems(settings: NotifierSettings, *, days: Days = 1) -> None:
    """List problems, newest first, with their begin and end, and who acknowledged them."""
    with _context(settings) as (client, formatter):
        say, now = formatter.say, datetime.now(UTC)
        table = Table(box=None, pad_edge=False)
        for title in (
            say("COLUMN_KEY"),
            say("COLUMN_WHERE"),
            say("COLUMN_TROUBLE"),
            say("COLUMN_SINCE"),
            say("COLUMN_UNTIL"),
            say("COLUMN_SEEN_BY"),
        ):
            table.add_column(title)
        for one in client.listed(now - timedelta(days=days)):
            cells = (
                short_key(one.alarm_id),
                formatter.alarm_place(one),
                formatter.alarm(one),
                formatter.since(one, now),
                formatter.moment(one.ended_at, now) if one.ended_at else "",
                one.seen_by,
            )
            table.add_row(*(Text(cell, style="" if one.ended_at else "bold") for cell in cells))
        Console(highlight=False).print(table if table.row_count else say("NO_TROUBLES"))


@commands.command(epilog="Example:\n\n  cekalwatch-notifier problems seen 4F2A91")
@with_settings
def seen(settings: NotifierSettings, key: Key) -> None:
    """Acknowledge a problem; the audit trail records who did."""
    with _context(settings) as (client, formatter):
        since = datetime.now(UTC) - timedelta(days=31)
        found = [one for one in client.listed(since) if one.alarm_id.endswith(key.lower())]
        if len(found) != 1:
            raise ProgramError(formatter.say("TROUBLE_KEY_FITS", count=len(found)), Exit.USAGE)
        answer = client.acknowledge(found[0].alarm_id)
        typer.echo(f"{formatter.alarm_line(answer)}: {formatter.acknowledged(answer)}")


@contextmanager
def _context(settings: NotifierSettings) -> Iterator[tuple[AlarmClient, AlarmFormatter]]:
    configure_logs("error")
    session = SessionFile(settings.session_path)
    formatter = NotifierTexts(settings.language, settings.zone)
    with (
        closing(Calls(settings.dialer())) as calls,
        explained_refusals(SessionClient(settings.dialer(), session), formatter),
    ):
        yield AlarmClient(calls, settings.site, session), formatter
