"""`cekalwatch-server ports`: at a centre, the state of the ports with servers of their own, and their reports."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cekalwatch.server.cli.options import Config, DataDir, audit_entry, command_context, command_settings, with_context

if TYPE_CHECKING:
    from cekalwatch.server.domain.ports import PortAlert, PortState
    from cekalwatch.server.wiring.storage import Context

EPILOG = (
    "Examples:\n\n  cekalwatch-server ports --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server ports alerts --site sekupang\n\n"
    "Times are those of this machine. See docs/ports.md."
)
ALERTS_EPILOG = (
    "Examples:\n\n  cekalwatch-server ports alerts\n\n"
    "  cekalwatch-server ports alerts --site sekupang --settled --most 500\n\n"
    "That somebody looked is in the audit trail, with the keys of the alerts and of whom they name."
)
MAX_ALERTS = 500

app = typer.Typer(epilog=EPILOG, invoke_without_command=True)


@app.callback()
def ports(context: typer.Context, config: Config = None, data_dir: DataDir = None) -> None:
    """List the ports that follow this centre's list or report to it: since when, and how old their list is.

    `ports alerts` lists the alerts that they reported.
    """
    if context.invoked_subcommand:
        return
    from rich.console import Console

    from cekalwatch.server.cli.output import whole_table

    with command_context(command_settings(config, data_dir)) as found:
        states, now = found.stores.ports.states(), found.clock.now()
    columns = ("Port", "Follows the list", "Its list is of", "Reports", "Events that wait", "Open alerts", "Version")
    rows = [_row(state, now) for state in states]
    Console(highlight=False).print(whole_table(columns, rows) if rows else "No port has called yet.")


@app.command(epilog=ALERTS_EPILOG)
@with_context
def alerts(
    context: Context,
    site: Annotated[str, typer.Option(help="Key of a site: only alerts of its ports.")] = "",
    after: Annotated[UUID | None, typer.Option(help="Key of the last alert that was shown: the older ones.")] = None,
    most: Annotated[int, typer.Option(help="The largest number of results.", min=1, max=MAX_ALERTS)] = 100,
    settled: Annotated[bool, typer.Option("--settled", help="Include settled ones.")] = False,
) -> None:
    """List the alerts of ports that nobody there has settled, newest first, as the ports reported them last.

    A port that is silent may have newer ones: `ports` says since when.
    """
    from rich.console import Console

    from cekalwatch.contract.values.adjudication import UNSETTLED
    from cekalwatch.server.audit.alert_entries import shown_objects
    from cekalwatch.server.audit.entry import Action
    from cekalwatch.server.cli.output import whole_table

    found = context.stores.ports.alerts(site, after, most, () if settled else UNSETTLED)
    shown = tuple(shown_objects(one.alert for one in found))
    context.stores.audit.append(audit_entry(context, Action.ALERTS_LISTED, shown, port_alerts=len(found)))
    columns = ("Port", "Alert", "Raised", "State", "Counter", "Subject", "Score", "Reported")
    rows = [_alert_row(one) for one in found]
    Console(highlight=False).print(whole_table(columns, rows) if rows else "No port has reported such an alert.")


def _alert_row(found: PortAlert) -> tuple[str, ...]:
    alert = found.alert
    score = next((f"{one.score:.2f}" for one in alert.candidates if one.subject_id == alert.subject_id), "")
    who = (str(found.port), str(alert.alert_id), _local(alert.raised_at), str(alert.state), alert.camera.counter)
    return (*who, alert.subject_id, score, _local(found.reported_at))


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
