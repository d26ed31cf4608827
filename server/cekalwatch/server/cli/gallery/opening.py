"""Opens what the gallery's commands work on: settings, database and keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.server.cli.database import command_database
from cekalwatch.server.cli.options import command_settings

if TYPE_CHECKING:
    from cekalwatch.server.audit.entry import Action, Actor, AuditEntry
    from cekalwatch.server.domain.clock import Clock
    from cekalwatch.server.encryption.keyring import Keyring
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.storage.models.store import ModelChoice, ModelStore
    from cekalwatch.vision.manifest import Pack

PackName = Annotated[str, typer.Option("--pack", help="Name of the other model pack; see: models list.")]


@dataclass(frozen=True)
class Opened:
    """An open database, and the account that works on it."""

    settings: ServerSettings
    database: Database
    keyring: Keyring
    models: ModelStore
    clock: Clock
    actor: Actor

    def in_use(self) -> ModelChoice:
        """Return the model in use. Raises PackError."""
        return model_in_use(self.settings, self.models)

    def entry(self, action: Action, outcome: str = "OK", **details: int | str) -> AuditEntry:
        """Make an entry of the audit trail."""
        from cekalwatch.server.audit.entry import AuditEntry

        return AuditEntry(self.clock.now(), self.actor, action, outcome=outcome, details=details)

    def note(self, action: Action, outcome: str = "OK", **details: int | str) -> None:
        """Write an entry to the audit trail."""
        from cekalwatch.server.storage.audit.store import AuditStore

        AuditStore(self.database).append(self.entry(action, outcome, **details))


@contextmanager
def opened(config: Path | None, data_dir: Path | None) -> Iterator[Opened]:
    """Yield the database of a configuration. Raises ProgramError."""
    from cekalwatch.server.audit.entry import operator
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.storage.keys.store import KeyStore
    from cekalwatch.server.storage.models.store import ModelStore

    settings = command_settings(config, data_dir, log_level="error")
    clock, actor = SystemClock(), operator()
    with command_database(settings) as database:
        database.check_exists()
        database.upgrade()
        keyring = KeyStore.open(database, settings.master_key_source, clock, actor).keyring
        yield Opened(settings, database, keyring, ModelStore(database), clock, actor)


def model_of(pack: Pack) -> ModelChoice:
    """Return what choosing this pack means."""
    from cekalwatch.server.storage.models.store import ModelChoice

    return ModelChoice(pack.name, pack.model_version)


def model_in_use(settings: ServerSettings, models: ModelStore) -> ModelChoice:
    """Return what was switched to, or else what the settings name; no network is loaded for it. Raises PackError."""
    from cekalwatch.vision.manifest import read_manifest

    chosen = models.chosen()
    return chosen.current if chosen else model_of(read_manifest(settings.models_path / settings.model_pack))
