"""`cekalwatch-server ports`: at a centre, how the ports with servers of their own do."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from cekalwatch.server.cli.database import command_context
from cekalwatch.server.cli.options import Config, DataDir, command_settings

if TYPE_CHECKING:
    from cekalwatch.server.domain.ports import PortState

EPILOG = (
    "Example:\n\n  cekalwatch-server ports --config /etc/cekalwatch/server.toml\n\n"
    "Times are those of this machine. See docs/ports.md."
)


def ports(config: Config = None, data_dir: DataDir = None) -> None:
    """List the ports that follow this centre's list or report to it: since when, and how old their list is."""
    from rich.console import Console

    from cekalwatch.server.cli.output import whole_table

    with command_context(command_settings(config, data_dir=data_dir)) as context:
        states, now = context.stores.ports.states(), context.clock.now()
    columns = ("Port", "Follows the list", "Its list is of", "Reports", "Events that wait", "Open alerts", "Version")
    rows = [_row(state, now) for state in states]
    Console(highlight=False).print(whole_table(columns, rows) if rows else "No port has called yet.")


def _row(state: PortState, now: datetime) -> tuple[str, ...]:
    following = state.following
    if following is None:
        follows = "never"
    elif following.goes_on(now):
        follows = f"since {_local(following.since)}, at {following.server}"
    else:
        follows = f"not since {_local(following.since if not following.server else following.heard_at)}"
    reports = "never" if state.heard_at is None else f"{_local(state.heard_at)}"
    counts = (str(state.waiting), str(state.unsettled))
    return str(state.port), follows, _local(state.list_at), reports, *counts, state.version


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else "not told"
