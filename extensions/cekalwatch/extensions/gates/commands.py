"""`cekalwatch-server gates`: which alerts ask the gate of their counter for an officer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.gates import GatePolicy, GatePolicyError, GatePolicyReason
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import command_context, signed_by_two, with_quiet_context, with_quiet_settings

if TYPE_CHECKING:
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.wiring.storage import Context

Reason = Annotated[GatePolicyReason, typer.Option(case_sensitive=False, help="Why; it goes to the audit trail.")]

app = typer.Typer(
    help="Gates of counters: an alert can ask for an officer before the gate opens. It never opens one.",
    no_args_is_help=True,
)


def add_commands(server: typer.Typer) -> None:
    """Add the commands to those of the server."""
    server.add_typer(app, name="gates")


@app.command(epilog="Example:\n\n  cekalwatch-server gates show")
@with_quiet_context
def show(context: Context) -> None:
    """Show the gates of the settings, and which alerts ask them to hold."""
    from cekalwatch.extensions.gates.store import GateStore
    from cekalwatch.extensions.notices.settings import Section

    policy, gates = GateStore(context.database).policy(), Section.of(context.settings).notices.gates
    states = ", ".join(sorted(policy.states))
    typer.echo(
        f"Held by alerts that are {states}, for {policy.minutes} minutes" if states else "No alert asks a gate to hold"
    )
    for one in gates:
        typer.echo(f"{one.name}  {one.site} {one.counter}  {one.url}")


@app.command(
    "set",
    epilog="Example:\n\n  cekalwatch-server gates set new claimed referred confirmed --minutes 10 --reason agreed",
)
@with_quiet_settings
def set_policy(
    settings: ServerSettings,
    state: Annotated[
        list[AlertState],
        typer.Argument(metavar="STATE", case_sensitive=False, help="States of alerts."),
    ],
    reason: Reason,
    minutes: Annotated[int, typer.Option(help="Minutes after the newest sighting, 1 to 60.")] = 10,
) -> None:
    """Let alerts in these states ask for a hold. It asks for the names and passwords of both people."""
    try:
        policy = GatePolicy(frozenset(state), minutes)
    except GatePolicyError as error:
        raise ProgramError(f"This cannot be: {error}", Exit.USAGE) from None
    _set(settings, policy, reason)


@app.command(epilog="Example:\n\n  cekalwatch-server gates off --reason fault")
@with_quiet_settings
def off(settings: ServerSettings, reason: Reason) -> None:
    """Let no alert ask a gate any more. It asks for both people as well."""
    _set(settings, GatePolicy(), reason)


def _set(settings: ServerSettings, policy: GatePolicy, reason: GatePolicyReason) -> None:
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.extensions.gates.board import set_gate_policy
    from cekalwatch.extensions.gates.store import GateStore

    states = ", ".join(sorted(policy.states))
    message = "SIGN_GATES_SET" if states else "SIGN_GATES_OFF"
    values = {"states": states, "minutes": policy.minutes, "reason": reason}
    with command_context(settings) as context:
        people = signed_by_two(context, TwoPersonAction.SET_GATES, message, **values)
        set_gate_policy(GateStore(context.database), policy, people, context.actor, context.clock, reason)
    typer.echo("Gates follow this within seconds")
