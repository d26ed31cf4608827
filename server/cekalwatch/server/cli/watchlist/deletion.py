"""`watchlist delete`: removes a subject and everything that is stored about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.database import command_context
from cekalwatch.server.cli.options import Config, DataDir, command_settings

if TYPE_CHECKING:
    from cekalwatch.server.audit.entry import AuditEntry
    from cekalwatch.server.storage.watchlist.store import SubjectDeletion

EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist delete S-001 --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist delete S-001 --yes\n\n"
    "Running servers stop searching for the subject within seconds. A list that still names it brings it back."
)


def delete(
    subject_id: Annotated[str, typer.Argument(help="Id of the subject.")],
    config: Config = None,
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a subject: personal facts, orders, photographs, templates, pictures of alerts. It cannot be undone."""
    from cekalwatch.server.audit.alert_entries import deletion_entry
    from cekalwatch.server.domain.errors import CekalwatchError

    settings = command_settings(config, data_dir=data_dir)
    with command_context(settings) as context:
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
