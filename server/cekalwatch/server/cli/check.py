"""`cekalwatch-server check`: is everything in order with this server?"""

from __future__ import annotations

from cekalwatch.program.checks.results import AsJson, show_results
from cekalwatch.server.cli.options import Config, DataDir

EPILOG = (
    "Examples:\n\n  cekalwatch-server check\n\n"
    "  cekalwatch-server check --json | jq '.[] | select(.verdict != \"OK\")'\n\n"
    "It changes nothing, and may be run while the server runs. Exit code 0: nothing fails. 1: something does. 78: a "
    "setting is wrong."
)


def check(config: Config = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look whether this server is in order, and say what to do: one line for each part, with OK, WARN or FAIL.

    Settings, files and their modes, disk, clock, certificates, database, keys, list, people, model pack, cameras and
    devices, ports, and what must be reachable.
    """
    from datetime import UTC, datetime

    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.checks.installation import check_installation
    from cekalwatch.server.settings.settings import ServerSettings

    loaded = ServerSettings.load_with_sources(config, data_dir=data_dir)
    configure_logs("critical")
    loaded.told()
    show_results(check_installation(loaded, datetime.now(UTC)), as_json=as_json)
