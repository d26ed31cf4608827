"""`cekalwatch-server people`: manages the people who may sign in, on the server's machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.cli.options import at_terminal, with_quiet_context

if TYPE_CHECKING:
    from cekalwatch.server.auth.people_admin import PeopleAdmin
    from cekalwatch.server.wiring.storage import Context

app = typer.Typer(
    help="People who may sign in. Run it as the server's user, on the server's machine; every change is recorded.",
    no_args_is_help=True,
)

EXAMPLES = "Examples:\n\n"
Name = Annotated[str, typer.Argument(metavar="NAME", help="Sign-in name, for example the personnel number.")]
Roles = Annotated[list[PersonRole], typer.Option("--role", case_sensitive=False, help="A role; repeatable.")]
Sites = Annotated[
    list[str] | None,
    typer.Option("--site", metavar="NAME", help="A site where the person works; repeatable."),
]


@app.command(
    epilog=EXAMPLES + "  cekalwatch-server people add budi --display-name 'Budi Hartono' --role officer\n\n"
    "  cekalwatch-server people add 198503122010121001 --display-name 'Sari Dewi' --role supervisor --site sekupang"
)
@with_quiet_context
def add(
    context: Context,
    name: Name,
    display_name: Annotated[str, typer.Option(help="The name for screens.")],
    role: Roles,
    site: Sites = None,
    openid: Annotated[
        bool, typer.Option("--openid", help="Without a password: through the identity provider only.")
    ] = False,
) -> None:
    """Add a person. The first password is shown once, here; it must be changed at the first sign-in.

    Without --site it is the first site that the settings name.
    """
    first = _admin(context).add(
        name, display_name, frozenset(role), frozenset(site or [context.settings.home.site]), with_password=not openid
    )
    typer.echo(f"{name} is added", err=True)
    if first:
        _show(first)


@app.command("list", epilog=EXAMPLES + "  cekalwatch-server people list")
@with_quiet_context
def list_(context: Context) -> None:
    """List people with their roles and sites."""
    for account in _admin(context).all():
        person = account.person
        state = "disabled" if person.disabled else "first password" if account.password.must_change else "enabled"
        whole = person.recorded
        roles, sites = " ".join(sorted(whole.roles)), " ".join(sorted(whole.sites))
        typer.echo(f"{person.sign_in_name}  {state}  {roles}  at {sites}  {person.display_name}")
        if person.withheld.roles:
            typer.echo(f"  not counted, by the directory's groups: {' '.join(sorted(person.withheld.roles))}")
        typer.echo(f"  in the audit trail: person:{person.person_id}")


@app.command(epilog=EXAMPLES + "  cekalwatch-server people roles budi --role officer --role supervisor")
@with_quiet_context
def roles(context: Context, name: Name, role: Roles, site: Sites = None) -> None:
    """Replace the roles of a person, and the sites if any are given. It takes effect at once."""
    person = _admin(context).change(name, frozenset(role), frozenset(site or ()))
    typer.echo(f"{name}: {' '.join(sorted(person.roles))} at {' '.join(sorted(person.sites))}")


@app.command(epilog=EXAMPLES + "  cekalwatch-server people rename budi Budi.Hartono")
@with_quiet_context
def rename(context: Context, name: Name, new: Annotated[str, typer.Argument()]) -> None:
    """Give a person another sign-in name, as the identity provider writes it."""
    _admin(context).rename(name, new)
    typer.echo(f"{name} is {new}")


@app.command(epilog=EXAMPLES + "  cekalwatch-server people disable budi")
@with_quiet_context
def disable(context: Context, name: Name) -> None:
    """Refuse a person from now on; open sessions end at once. The record stays, since the audit trail refers to it."""
    _admin(context).disable(name)
    typer.echo(f"{name} is disabled")


@app.command(epilog=EXAMPLES + "  cekalwatch-server people enable budi")
@with_quiet_context
def enable(context: Context, name: Name) -> None:
    """Let a disabled person sign in again."""
    _admin(context).enable(name)
    typer.echo(f"{name} is enabled")


@app.command(epilog=EXAMPLES + "  cekalwatch-server people reset budi")
@with_quiet_context
def reset(context: Context, name: Name) -> None:
    """Give a person a new first password, which is shown once, here. Open sessions end."""
    first = _admin(context).reset(name)
    _show(first)


@app.command(epilog=EXAMPLES + "  cekalwatch-server people unlock budi")
@with_quiet_context
def unlock(context: Context, name: Name) -> None:
    """Let a person try again at once after wrong passwords."""
    had = _admin(context).unlock(name)
    typer.echo(f"{name}: wrong passwords forgotten" if had else f"{name}: there were no wrong passwords")


@app.command(epilog=EXAMPLES + "  cekalwatch-server people password budi")
@with_quiet_context
def password(context: Context, name: Name) -> None:
    """Change one's own password here, for people without a notifier. The present one is asked for."""
    at_terminal(context).change_password(name)
    typer.echo("The password was changed")


def _show(first: str) -> None:
    typer.echo("First password, shown only here; hand it over in person:", err=True)
    typer.echo(first)


def _admin(context: Context) -> PeopleAdmin:
    from cekalwatch.server.auth.people_admin import PeopleAdmin
    from cekalwatch.server.auth.signing_in.passwords import Passwords

    return PeopleAdmin(context.stores.people, Passwords(), context.clock, context.actor)
