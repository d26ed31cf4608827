"""`cekalwatch-server papers`, `drill` and `size`: what an office must have on paper, and plans before it buys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.extensions.papers import drill_commands, sizing_command
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Language
from cekalwatch.server.cli.options import audit_entry, with_quiet_context

if TYPE_CHECKING:
    from cekalwatch.extensions.papers.installation import Installation
    from cekalwatch.server.wiring.storage import Context

app = typer.Typer(
    help="Papers about data protection, written from settings, database and audit trail (docs/papers.md).",
    no_args_is_help=True,
)


def add_commands(server: typer.Typer) -> None:
    """Add the commands to those of the server."""
    server.add_typer(app, name="papers")
    server.add_typer(drill_commands.app, name="drill")
    server.command("size", epilog=sizing_command.EPILOG)(sizing_command.size)


Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the papers; it is made if it is missing.")]
Languages = Annotated[
    list[Language] | None, typer.Option("--language", help="id or en; may be given twice. Both by default.")
]


@app.command(
    epilog="Examples:\n\n  cekalwatch-server papers write /srv/papers\n\n"
    "  cekalwatch-server papers write /srv/papers --language id\n\n"
    "Exit code 69: a file cannot be written."
)
@with_quiet_context
def write(context: Context, folder: Folder, language: Languages = None) -> None:
    """Write the impact assessment, the record of processing, the retention schedule, the training log and the
    software bill, each as text (Markdown) and PDF. Files of an earlier day are replaced.
    """
    from cekalwatch.extensions.papers.writing import Paper, paper

    facts = _installation(context)
    texts = {(one, each): paper(one, facts, each) for one in Paper for each in language or Language}
    _keep(context, folder, {f"{one}.{each}": text for (one, each), text in texts.items()}, facts.made_at)
    if missing := [name for name, in_force in facts.measures.items() if not in_force]:
        typer.echo(f"Not in force here, and said so in the impact assessment: {', '.join(sorted(missing))}")


@app.command(
    epilog="Example:\n\n"
    "  cekalwatch-server papers breach /srv/papers --since 2026-11-28T06:00 --until 2026-11-28T14:00 "
    "--known 2026-11-29T09:00\n\n"
    "Exit code 69: a file cannot be written."
)
@with_quiet_context
def breach(
    context: Context,
    folder: Folder,
    since: Annotated[datetime, typer.Option(help="When it began, local time.")],
    until: Annotated[datetime, typer.Option(help="When it ended, local time.")],
    known: Annotated[datetime, typer.Option(help="When the office learnt of it, local time: 72 hours run from here.")],
    language: Languages = None,
) -> None:
    """Draft the notice of a breach from the audit trail: what was disclosed and when, in counts, without names."""
    from cekalwatch.extensions.papers.breach import breach as found
    from cekalwatch.extensions.papers.writing import BREACH_NOTICE, breach_notice
    from cekalwatch.server.audit.entry import stamp

    zone = context.settings.home.zone
    first, last, learnt = (one.replace(tzinfo=one.tzinfo or zone) for one in (since, until, known))
    if not first < last:
        raise ProgramError("--since must be before --until", Exit.USAGE)
    told = found(context.stores.audit.links(stamp(first), stamp(last)), first, last, learnt)
    facts = _installation(context)
    drafts = {f"{BREACH_NOTICE}.{one}": breach_notice(told, facts, one) for one in language or Language}
    _keep(context, folder, drafts, facts.made_at)
    typer.echo(f"The notice is due on {told.notice_until:%Y-%m-%d %H:%M %Z}")


def _installation(context: Context) -> Installation:
    from cekalwatch.extensions.papers.installation import Installation

    stores = context.stores
    return Installation(
        context.settings,
        context.clock.now().astimezone(context.settings.home.zone),
        tuple(sorted((account.person for account in stores.people.all()), key=lambda one: one.display_name)),
        sum(1 for _ in stores.watchlist.marks()),
        stores.look_setting.get().asked,
    )


def _keep(context: Context, folder: Path, texts: Mapping[str, str], made_at: datetime) -> None:
    from cekalwatch.extensions.papers.keeping import keep
    from cekalwatch.server.audit.entry import Action

    context.stores.audit.append(audit_entry(context, Action.REPORT_TAKEN, papers=len(texts)))
    for file in keep(folder, texts, made_at):
        typer.echo(file)
