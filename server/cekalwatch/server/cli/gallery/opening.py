"""Opens what the gallery's commands work on: settings, database and keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.server.cli.database import command_database

if TYPE_CHECKING:
    from cekalwatch.server.audit.entry import Action, Actor, AuditEntry
    from cekalwatch.server.domain.clock import Clock
    from cekalwatch.server.encryption.keyring import Keyring
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.storage.models.store import ModelChoice, ModelStore

Config = Annotated[Path | None, typer.Option(help="Configuration file (TOML).")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the database, the master key and the model packs.")]
PackName = Annotated[str, typer.Option("--pack", help="Name of the other model pack; see: models list.")]


@dataclass(frozen=True)
class Opened:
    """An open database with who works on it."""

    settings: ServerSettings
    database: Database
    keyring: Keyring
    models: ModelStore
    clock: Clock
    actor: Actor

    def in_use(self) -> ModelChoice:
        """Return the model in use. Raises PackError."""
        from cekalwatch.server.cli.model_choice import model_in_use

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
    """Give the database of a configuration. Raises ProgramError."""
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.audit.entry import operator
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.keys.store import KeyStore
    from cekalwatch.server.storage.models.store import ModelStore

    settings = ServerSettings.load(config, data_dir=data_dir)
    configure_logs("error")
    clock, actor = SystemClock(), operator()
    with command_database(settings) as database:
        database.check_exists()
        database.upgrade()
        keyring = KeyStore.open(database, settings.master_key_source, clock, actor).keyring
        yield Opened(settings, database, keyring, ModelStore(database), clock, actor)
