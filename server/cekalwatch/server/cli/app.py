"""The command line of `cekalwatch-server`: every command in one place. Each command loads slow modules itself."""

from __future__ import annotations

import importlib
import importlib.util

import typer

from cekalwatch.program.checks.results import AsJson, show_results
from cekalwatch.program.cli.command import SettingsFormat, settings_examples
from cekalwatch.program.cli.shared_commands import Format, add_version
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.extensions import extensions
from cekalwatch.server.cli import (
    audit,
    init,
    keys,
    models,
    people,
    pki,
    ports,
    thresholds,
)
from cekalwatch.server.cli.alerts import exercises, first_looks
from cekalwatch.server.cli.gallery import comparing, switching
from cekalwatch.server.cli.keeping import backups, database, retention
from cekalwatch.server.cli.options import Config, DataDir, Listen, LogLevel, ModelPack, Threads
from cekalwatch.server.cli.watchlist import agencies, browse, checking, importing, law, syncing

gallery = typer.Typer(
    help="The templates: changing to another model, and back. See docs/changing-the-model.md.", no_args_is_help=True
)
gallery.command(epilog=switching.REBUILD_EPILOG)(switching.rebuild)
gallery.command(epilog=comparing.EPILOG)(comparing.compare)
gallery.command(epilog=switching.SWITCH_EPILOG)(switching.switch)
gallery.command(epilog=switching.BACK_EPILOG)(switching.back)
gallery.command(epilog=switching.DROP_EPILOG)(switching.drop)
gallery.command(epilog=switching.STATUS_EPILOG)(switching.status)

watchlist = typer.Typer(
    help="The watchlist: import it, synchronise it, view it, delete a subject from it.", no_args_is_help=True
)
watchlist.command("import", epilog=importing.EPILOG)(importing.import_)
watchlist.command(epilog=retention.DELETE_EPILOG)(retention.delete)
watchlist.command("check-source", epilog=checking.EPILOG)(checking.check_source)
watchlist.add_typer(syncing.app, name="sync")
watchlist.add_typer(agencies.app, name="agencies")
watchlist.command("list", epilog=browse.LIST_EPILOG)(browse.list_)
watchlist.command(epilog=browse.SHOW_EPILOG)(browse.show)
watchlist.command(epilog=browse.HISTORY_EPILOG)(browse.history)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
add_version(
    app,
    "cekalwatch-server",
    "The recognition server of Cekalwatch.\n\nSettings come from /etc/cekalwatch/server.toml or --config FILE, "
    "environment variables CEKALWATCH_SERVER_<NAME>, and options; the later wins. `settings` shows all of them.",
)
app.add_typer(audit.app, name="audit")
app.add_typer(database.app, name="database")
app.add_typer(exercises.app, name="exercises")
app.add_typer(first_looks.app, name="first-looks")
app.add_typer(gallery, name="gallery")
app.add_typer(keys.app, name="keys")
app.add_typer(law.app, name="law")
app.add_typer(models.app, name="models")
app.add_typer(people.app, name="people")
app.add_typer(pki.app, name="pki")
app.add_typer(ports.app, name="ports")
app.add_typer(retention.app, name="retention")
app.add_typer(database.rows_app, name="rows")
app.add_typer(thresholds.app, name="thresholds")
app.add_typer(watchlist, name="watchlist")
app.command("init", epilog=init.EPILOG)(init.init)
app.command("backup", epilog=backups.BACKUP_EPILOG)(backups.backup)
app.command("backup-key", epilog=backups.KEY_EPILOG)(backups.backup_key)
app.command("restore", epilog=backups.RESTORE_EPILOG)(backups.restore)
app.command("upgrade", epilog=database.UPGRADE_EPILOG)(database.upgrade)
for extension in extensions("commands"):
    extension.add_commands(app)


if importlib.util.find_spec("cekalwatch.evaluation"):
    app.add_typer(importlib.import_module("cekalwatch.evaluation.cli").app, name="evaluate")
else:

    @app.command(
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    )
    def evaluate() -> None:
        """Measure misses and false alerts; it is not installed: cekalwatch-evaluation."""
        raise ProgramError(
            "The evaluation is not installed. Install with: pip install --no-index --find-links wheels "
            "cekalwatch-evaluation",
            Exit.MISSING_EXTRA,
        )


@app.command("settings", epilog=settings_examples("cekalwatch-server"))
def show_settings(
    config: Config = None,
    data_dir: DataDir = None,
    form: Format = SettingsFormat.TABLE,
) -> None:
    """Show every setting: its value and where that comes from, its default and its meaning."""
    from cekalwatch.program.cli.settings_command import print_settings
    from cekalwatch.server.settings.settings import ServerSettings

    loaded = ServerSettings.load_with_sources(config, data_dir=data_dir)
    loaded.told()
    print_settings(loaded, form)


@app.command(
    epilog="Examples:\n\n  cekalwatch-server check\n\n"
    "  cekalwatch-server check --json | jq '.[] | select(.verdict != \"OK\")'\n\n"
    "It changes nothing, and may be run while the server runs. Exit code 0: nothing fails. 1: something does. 78: a "
    "setting is wrong."
)
def check(config: Config = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check this server, and say what to do: one line for each part, with OK, WARN or FAIL.

    Settings, files and their modes, disk, clock, certificates, database, keys, list, people, model pack, cameras and
    devices, ports, and what must be reachable.
    """
    from datetime import UTC, datetime

    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.setup.checks.installation import check_installation

    loaded = ServerSettings.load_with_sources(config, data_dir=data_dir)
    configure_logs("critical")
    loaded.told()
    show_results(check_installation(loaded, datetime.now(UTC)), as_json=as_json)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server serve\n\n"
    "  CEKALWATCH_SERVER_LISTEN=127.0.0.1:50051 cekalwatch-server serve --data-dir ./data"
)
def serve(
    config: Config = None,
    listen: Listen = None,
    data_dir: DataDir = None,
    model_pack: ModelPack = None,
    threads: Threads = None,
    log_level: LogLevel = None,
) -> None:
    """Run the server until Ctrl-C or SIGTERM. It logs `serving` with its address when cameras can connect.

    On SIGHUP it reads the settings again, and sends changed capture policies to the cameras.
    """
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.program.settings import LoadedSettings
    from cekalwatch.server.serving import run
    from cekalwatch.server.settings.settings import ServerSettings

    def load() -> LoadedSettings[ServerSettings]:
        return ServerSettings.load_with_sources(
            config, listen=listen, data_dir=data_dir, model_pack=model_pack, threads=threads, log_level=log_level
        )

    loaded = load()
    configure_logs(loaded.values.log_level)
    loaded.log()
    run(loaded.values, lambda: load().values)
