"""`cekalwatch-server people groups`: groups of the office's directory that decide whether people's roles count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli import people
from cekalwatch.server.cli.options import (
    audit_entry,
    command_context,
    signed_by_two,
    with_quiet_context,
    with_quiet_settings,
)

if TYPE_CHECKING:
    from cekalwatch.extensions.ldap.domain import GroupBinding
    from cekalwatch.server.audit.entry import AuditEntry
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.wiring.storage import Context

app = typer.Typer(
    help="Groups of the directory (LDAP, Active Directory) that decide roles. Two people bind a group to a role.",
    no_args_is_help=True,
)


def add_commands(_server: typer.Typer) -> None:
    """Add the commands to those of the server."""
    people.app.add_typer(app, name="groups")


GROUP = "cn=cekalwatch-officers,ou=Groups,dc=imigrasi,dc=local"
Group = Annotated[str, typer.Argument(metavar="GROUP", help="Distinguished name of the group.")]
Role = Annotated[PersonRole, typer.Option("--role", case_sensitive=False, help="The role that its members have.")]


@app.command("list", epilog="Example:\n\n  cekalwatch-server people groups list")
@with_quiet_context
def list_(context: Context) -> None:
    """List the bound groups, and when the directory answered last."""
    from cekalwatch.extensions.ldap.store import GroupStore

    store, zone = GroupStore(context.database), context.settings.home.zone
    bindings, heard = store.bindings(), store.heard_at()
    for one in bindings:
        typer.echo(f"{one.role}  at {' '.join(sorted(one.sites))}  {one.group}")
    if not bindings:
        typer.echo("No group is bound to a role")
    elif heard:
        typer.echo(f"Last answer, or first binding: {heard.astimezone(zone):%Y-%m-%d %H:%M:%S}")


@app.command(epilog="Example:\n\n  cekalwatch-server people groups check")
@with_quiet_context
def check(context: Context) -> None:
    """Ask the directory now, and show how many enabled people each bound group has. It changes nothing."""
    from cekalwatch.extensions.ldap.directory import DirectoryError, LdapDirectory
    from cekalwatch.extensions.ldap.settings import Section
    from cekalwatch.extensions.ldap.store import GroupStore

    if (terms := Section.of(context.settings).directory) is None:
        raise ProgramError("The settings have no [directory] (docs/people.md)", Exit.CONFIG)
    groups = sorted({one.group for one in GroupStore(context.database).bindings()})
    try:
        answer = LdapDirectory(terms).ask(groups)
    except DirectoryError as error:
        raise ProgramError(f"The directory does not answer in full: {error}", Exit.UNAVAILABLE) from None
    for group in groups:
        count = sum(group in one.groups for one in answer.members)
        typer.echo(f"{group}: " + ("not in the directory" if group in answer.missing else f"{count} people"))
    typer.echo("The directory answers")


@app.command(epilog=f"Example:\n\n  cekalwatch-server people groups bind '{GROUP}' --role officer --site batam-center")
@with_quiet_settings
def bind(
    settings: ServerSettings,
    group: Group,
    role: Role,
    site: Annotated[list[str], typer.Option("--site", metavar="NAME", help="A site where it counts; repeatable.")],
) -> None:
    """Let the role count only for the group's members. It asks for the names and passwords of both people."""
    from cekalwatch.extensions.ldap.domain import MAX_BINDINGS, GroupBinding
    from cekalwatch.extensions.ldap.store import GroupStore
    from cekalwatch.server.domain.people import PersonError

    try:
        binding = GroupBinding(group, role, frozenset(site))
    except PersonError as error:
        raise ProgramError(f"This cannot be bound: {error}", Exit.USAGE) from None
    with command_context(settings) as context:
        store = GroupStore(context.database)
        from cekalwatch.extensions.ldap.settings import Section

        if Section.of(settings).directory is None:
            raise ProgramError("The settings have no [directory] (docs/people.md)", Exit.CONFIG)
        if len(store.bindings()) >= MAX_BINDINGS:
            raise ProgramError(f"At most {MAX_BINDINGS} groups are bound", Exit.REFUSED)
        store.bind(binding, _both(context, binding, binds=True))
    typer.echo(f"{role} counts for members of {group} only")


@app.command(epilog=f"Example:\n\n  cekalwatch-server people groups unbind '{GROUP}' --role officer")
@with_quiet_context
def unbind(context: Context, group: Group, role: Role) -> None:
    """Forget a binding: who has the role now keeps it, who lacks it has it no more. It asks for both people."""
    from cekalwatch.extensions.ldap.store import GroupStore

    store = GroupStore(context.database)
    found = next((one for one in store.bindings() if (one.group, one.role) == (group, role)), None)
    if found is None:
        raise ProgramError(f"{role} is not bound to {group}; see: people groups list", Exit.USAGE)
    store.unbind(group, role, _both(context, found, binds=False))
    typer.echo(f"{role} is not bound to {group} any more")


def _both(context: Context, binding: GroupBinding, *, binds: bool) -> AuditEntry:
    """Return the entry of what an administrator and a supervisor sign for."""
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.audit.entry import MAX_TEXT, Action, both_keys

    sites = ", ".join(sorted(binding.sites))
    message = "SIGN_BIND_GROUP" if binds else "SIGN_UNBIND_GROUP"
    values = {"group": binding.group, "role": str(binding.role), "sites": sites}
    both = both_keys(signed_by_two(context, TwoPersonAction.CHANGE_PEOPLE, message, **values))
    action = Action.GROUP_BOUND if binds else Action.GROUP_UNBOUND
    group = binding.group if len(binding.group) <= MAX_TEXT else f"{binding.group[: MAX_TEXT - 1]}…"
    facts = {"group": group, "role": str(binding.role), "sites": sites if len(sites) <= MAX_TEXT else "many"}
    return audit_entry(context, action, both, **facts)
