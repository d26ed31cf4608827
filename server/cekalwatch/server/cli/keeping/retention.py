"""`cekalwatch-server retention` and `watchlist delete`: removal by age, and of one subject by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import with_context

if TYPE_CHECKING:
    from cekalwatch.server.alerts.hand_overs import HandOvers
    from cekalwatch.server.alerts.retention import RetentionSweeper
    from cekalwatch.server.audit.entry import AuditEntry
    from cekalwatch.server.storage.watchlist.removing import SubjectDeletion
    from cekalwatch.server.watchlist.erasure import SubjectEraser
    from cekalwatch.server.wiring.storage import Context


app = typer.Typer(help="Retention: show what is due to be removed, and remove it.", no_args_is_help=True)


@app.command(epilog="Example:\n\n  cekalwatch-server retention due --config /etc/cekalwatch/server.toml")
@with_context
def due(context: Context) -> None:
    """Show what the next sweeps remove, and remove nothing. Subjects are named by their keys."""
    sweeper, eraser, hand_overs = _opened(context)
    report, notes, subjects = sweeper.due(), hand_overs.due(), list(eraser.due())
    _show("are due", report.unsettled_images, report.alerts, notes, len(subjects))
    for subject_id in subjects:
        typer.echo(f"  {subject_id}")


@app.command(
    epilog="Example:\n\n  cekalwatch-server retention sweep --config /etc/cekalwatch/server.toml\n\n"
    "A running server does the same by itself: images each minute, records and notes each hour, subjects "
    "each six hours."
)
@with_context
def sweep(context: Context) -> None:
    """Remove what is due, and record it in the audit trail. This cannot be undone."""
    sweeper, eraser, hand_overs = _opened(context)
    images, alerts, notes = (
        sweeper.sweep_unsettled_images(),
        sweeper.sweep_records(),
        hand_overs.sweep(context.actor),
    )
    _show("were removed", images, alerts, notes, eraser.erase())


def _opened(context: Context) -> tuple[RetentionSweeper, SubjectEraser, HandOvers]:
    from cekalwatch.server.alerts.hand_overs import HandOvers
    from cekalwatch.server.alerts.retention import RetentionSweeper
    from cekalwatch.server.watchlist.erasure import SubjectEraser

    stores, policy = context.stores, context.settings.retention_policy
    sweeper = RetentionSweeper(stores.alerts, stores.handling, stores.retention, context.clock, context.actor, policy)
    eraser = SubjectEraser(stores.watchlist, context.checkpoints, context.clock, context.actor, policy.ended_subjects)
    return sweeper, eraser, HandOvers(stores.hand_overs, stores.people, context.clock, policy.shift_notes)


def _show(what: str, images: int, alerts: int, notes: int, subjects: int) -> None:
    typer.echo(f"{images} images of alerts that nobody settled {what}.")
    typer.echo(f"{alerts} records of alerts {what}.")
    typer.echo(f"{notes} notes of shifts {what}.")
    typer.echo(f"{subjects} subjects whose last order ended long ago {what}.")


DELETE_EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist delete S-001 --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist delete S-001 --yes\n\n"
    "Running servers stop searching for the subject within seconds. A list that still names it brings it back."
)


@with_context
def delete(
    context: Context,
    subject_id: Annotated[str, typer.Argument(help="Id of the subject.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a subject: personal facts, orders, photographs, templates, pictures of alerts. It cannot be undone."""
    from cekalwatch.server.audit.alert_entries import deletion_entry
    from cekalwatch.server.foundation.errors import CekalwatchError

    if not yes:
        typer.confirm(f"Delete subject {subject_id} with all orders, photographs and templates?", abort=True)

    def note(gone: SubjectDeletion) -> AuditEntry:
        return deletion_entry(context.actor, context.clock.now(), subject_id, gone.order_ids, **gone.counts)

    try:
        gone = context.stores.watchlist.delete_subject(subject_id, note)
    except CekalwatchError as error:
        raise ProgramError(f"{error.public_message} Nothing was deleted.", Exit.NO_INPUT) from None
    typer.echo(
        f"Deleted subject {subject_id}: {len(gone.order_ids)} orders, {gone.photographs} photographs, "
        f"{gone.templates} templates, {gone.probes} pictures of alerts."
    )
