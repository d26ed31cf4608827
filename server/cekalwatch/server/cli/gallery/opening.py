"""What the gallery's commands share: the database, the model in use, and entries of the audit trail."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.server.cli.options import command_context, command_settings

if TYPE_CHECKING:
    from cekalwatch.server.audit.entry import Action, AuditEntry
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.models.store import ModelChoice, ModelStore
    from cekalwatch.server.wiring.storage import Context
    from cekalwatch.vision.manifest import Pack

PackName = Annotated[str, typer.Option("--pack", help="Name of the other model pack; see: models list.")]


def opened(config: Path | None, data_dir: Path | None) -> AbstractContextManager[Context]:
    """Return what yields the database of a configuration, which must exist. Raises ProgramError."""
    return command_context(command_settings(config, data_dir, log_level="error"))


def audit_entry(context: Context, action: Action, outcome: str = "OK", **details: int | str) -> AuditEntry:
    """Return an entry of the audit trail, by the account that runs the command."""
    from cekalwatch.server.audit.entry import AuditEntry

    return AuditEntry(context.clock.now(), context.actor, action, outcome=outcome, details=details)


def model_of(pack: Pack) -> ModelChoice:
    """Return what choosing this pack means."""
    from cekalwatch.server.storage.models.store import ModelChoice

    return ModelChoice(pack.name, pack.model_version)


def model_in_use(settings: ServerSettings, models: ModelStore) -> ModelChoice:
    """Return the pack that was switched to, or else that of the settings; loads no network. Raises PackError."""
    from cekalwatch.vision.manifest import read_manifest

    chosen = models.chosen()
    return chosen.current if chosen else model_of(read_manifest(settings.models_path / settings.model_pack))
