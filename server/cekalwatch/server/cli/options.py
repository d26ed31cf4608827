"""The options that the commands share, the settings that they make, and the database that these name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.cli.shared_options import with_opened, with_options
from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.program.settings import LoadedSettings
    from cekalwatch.program.translations import Texts
    from cekalwatch.server.audit.entry import Action, AuditEntry
    from cekalwatch.server.auth.signing_in.terminal import Terminal
    from cekalwatch.server.domain.people import TwoPeople
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.wiring.storage import Context


Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Configuration file (TOML); default: /etc/cekalwatch/server.toml if it exists."),
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the database, the keys and the model packs.")
]
ModelsDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the model packs, instead of the configured one.")
]
ModelPack = Annotated[str | None, typer.Option(metavar="NAME", help="Name of the model pack.")]
Threads = Annotated[int | None, typer.Option(help="Native threads for inference, image work and search.")]
Listen = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Address on this machine; port 0 lets the system choose.")
]
LogLevel = Annotated[str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")]
ServerAddress = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="The running server; when not given, the configured `listen`."),
]


def command_settings(
    config: Path | None, data_dir: Path | None = None, *, log_level: str = "warning", **options: object
) -> ServerSettings:
    """Return the settings of a command, which logs from `log_level` on to standard error, and print where they come
    from.

    Raises ProgramError, also where neither settings nor data are found: a command must not work on another, empty site.
    """
    return loaded_settings(config, data_dir, log_level=log_level, **options).values


def loaded_settings(
    config: Path | None, data_dir: Path | None = None, *, log_level: str = "warning", **options: object
) -> LoadedSettings[ServerSettings]:
    """Return the settings like `command_settings`, with their origins."""
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.settings.settings import ServerSettings

    loaded = ServerSettings.load_with_sources(config, data_dir=data_dir, **options)
    settings = loaded.values
    if loaded.file is None and not (settings.data_dir.is_dir() or settings.database_url or settings.models_dir):
        looked = ", ".join(map(str, ServerSettings.usual_files()))
        raise ProgramError(
            f"There are no settings ({looked}), and no data in {settings.data_dir}. Name the server's settings with "
            "--config or CEKALWATCH_SERVER_CONFIG, or its folder with --data-dir; a new site is set up with: "
            "cekalwatch-server init",
            Exit.CONFIG,
        )
    configure_logs(log_level)
    loaded.told()
    return loaded


@contextmanager
def command_database(settings: ServerSettings) -> Iterator[Database]:
    """Yield the database as it is, and close it. A failure of the database in the block becomes a ProgramError."""
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.storage.errors import StorageError
    from cekalwatch.server.storage.integrity.signed_row import ChangedRowError

    database = Database(settings.database_address)
    try:
        yield database
    except StorageError as error:
        raise ProgramError(
            f"Cannot use the database {database.name} ({error}). Check that it is reachable and writable, and that a "
            "server of this version has been started with it. Run the command again then: what was done stays done.",
            Exit.UNAVAILABLE,
        ) from None
    except ChangedRowError as error:
        raise ProgramError(
            f"In the database {database.name}, {error}. See: cekalwatch-server rows check", Exit.DATA_PROBLEMS
        ) from None
    finally:
        database.close()


@contextmanager
def command_context(settings: ServerSettings) -> Iterator[Context]:
    """Yield database and keys for a command. The audit trail records the account that runs it as the actor.

    Raises ProgramError, also when there is no database, or one of another version: no command makes or changes one.
    """
    from cekalwatch.server.audit.entry import operator
    from cekalwatch.server.foundation.clock import SystemClock
    from cekalwatch.server.wiring.storage import Context

    with command_database(settings) as database, ExitStack() as stack:
        database.check_exists()
        database.begin()
        yield Context.open(settings, database, SystemClock(), operator(), stack)


with_loaded_settings = with_options(loaded_settings, config=Config, data_dir=DataDir)
"""Give a command --config and --data-dir, and the settings with their origins."""
with_settings = with_options(command_settings, config=Config, data_dir=DataDir)
"""Give a command --config and --data-dir, and the settings."""
with_context = with_opened(with_settings, command_context)
"""Give a command --config and --data-dir, and the database and keys of that configuration."""
with_quiet_settings = with_options(partial(command_settings, log_level="error"), config=Config, data_dir=DataDir)
"""As `with_settings`, for a command that logs errors only."""
with_quiet_context = with_opened(with_quiet_settings, command_context)
"""As `with_context`, for a command that logs errors only."""


def audit_entry(
    context: Context, action: Action, objects: tuple[str, ...] = (), outcome: str = "OK", **details: int | str
) -> AuditEntry:
    """Return an entry of the audit trail, by the account that runs the command."""
    from cekalwatch.server.audit.entry import AuditEntry

    return AuditEntry(context.clock.now(), context.actor, action, objects, outcome, details)


def at_terminal(context: Context) -> Terminal:
    """Return what asks the people at this machine who they are."""
    from cekalwatch.program.cli.prompts import ask, ask_secret, tell
    from cekalwatch.server.auth.signing_in.terminal import Terminal

    return Terminal(context.database, context.clock, ask, ask_secret, tell)


def signed_by_two(context: Context, action: TwoPersonAction, message: str, **values: object) -> TwoPeople:
    """Let two people sign for `action` at this machine, in the words of `message`; raises ProgramError.

    A value that depends on the language is a function of its texts.
    """

    def words(texts: Texts) -> str:
        return texts.say(message, **{name: one(texts) if callable(one) else one for name, one in values.items()})

    return at_terminal(context).two_people(action, words)
