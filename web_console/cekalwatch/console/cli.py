"""The command line of `cekalwatch-console`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.console.init import EPILOG as INIT_EPILOG
from cekalwatch.console.init import init
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.program.checks.results import AsJson, show_results
from cekalwatch.program.cli.shared_commands import add_settings, add_version
from cekalwatch.program.logs import configure_logs

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
add_version(
    app,
    "cekalwatch-console",
    "Shows alerts, troubles and figures in a browser, to who supervises, keeps the list, administers or audits.",
)
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Settings (TOML); /etc/cekalwatch/console.toml if not given.")
]
Server = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Recognition server, or several with commas between.")
]
Listen = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where browsers find the pages.")]


@app.command(
    epilog="Examples:\n\n  cekalwatch-console serve\n\n"
    "  cekalwatch-console serve --server cekal.batam.local:50051 --listen 0.0.0.0:8443\n\n"
    "Exit codes: 0 stopped by Ctrl-C or SIGTERM; 2 wrong option; 69 the address is taken; 78 wrong setting or "
    "certificate."
)
def serve(config: Config = None, server: Server = None, listen: Listen = None) -> None:
    """Serve the pages until Ctrl-C or SIGTERM."""
    from cekalwatch.console.serving import run

    loaded = ConsoleSettings.load_with_sources(config, server_addresses=server, listen=listen)
    configure_logs(loaded.values.log_level)
    loaded.log()
    run(loaded.values)


app.command(epilog=INIT_EPILOG)(init)

add_settings(app, "cekalwatch-console", ConsoleSettings)


@app.command(
    epilog="Examples:\n\n  cekalwatch-console check\n\n  cekalwatch-console check --json\n\n"
    "Exit code 0: nothing fails. 1: something does. 78: a setting is wrong."
)
def check(config: Config = None, server: Server = None, listen: Listen = None, as_json: AsJson = False) -> None:
    """Look whether this console is in order, and say what to do: one line for each part, with OK, WARN or FAIL."""
    from datetime import UTC, datetime

    from cekalwatch.console.checks import check_installation

    loaded = ConsoleSettings.load_with_sources(config, server_addresses=server, listen=listen)
    loaded.told()
    show_results(check_installation(loaded, datetime.now(UTC)), as_json=as_json)
