"""`watchlist agencies`: the list by which the agencies of orders are compared, in the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.cli.shared_options import with_opened
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import with_context
from cekalwatch.server.cli.watchlist.look_output import print_json, print_table

if TYPE_CHECKING:
    from cekalwatch.server.watchlist.agencies import AgencyRegistry
    from cekalwatch.server.wiring.storage import Context

EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist agencies list --config /etc/cekalwatch/server.toml\n\n"
    '  cekalwatch-server watchlist agencies put DINAS "Dinas Contoh" --also "Dinas" --also "Dinas Umpama"\n\n'
    "  cekalwatch-server watchlist agencies remove KEMENKEU --seen 1a2b3c4d5e6f7a8b\n\n"
    "Changes are recorded in the audit trail, with the account that runs the command. Running servers judge orders by "
    "them within seconds.\n\n"
    "Exit code 2: an agency cannot be so, or one of its names stands for another, or somebody has changed it. 66: "
    "there is no such agency."
)
app = typer.Typer(
    help="The agencies that ask for bans: by them, orders of one agency are known as such.", no_args_is_help=True
)

Code = Annotated[str, typer.Argument(help="Its code: capitals, digits and hyphens.")]
SEEN = "Mark of the agency as `list` showed it: nothing is done if somebody has changed it since."


@contextmanager
def _registry(context: Context) -> Iterator[AgencyRegistry]:
    """Yield the agencies of the configured database; a refusal of the block becomes a ProgramError."""
    from cekalwatch.server.foundation.errors import CekalwatchError
    from cekalwatch.server.foundation.errors import Code as Refusal
    from cekalwatch.server.watchlist.agencies import AgencyRegistry
    from cekalwatch.server.watchlist.sources.settings import CentreSettings

    try:
        of_centre = isinstance(context.settings.watchlist.source, CentreSettings)
        yield AgencyRegistry(context.stores.agencies, context.clock, of_centre=of_centre)
    except CekalwatchError as error:
        missing = error.code is Refusal.AGENCY_NOT_FOUND
        raise ProgramError(error.public_message, Exit.NO_INPUT if missing else Exit.USAGE) from None


_with_registry = with_opened(with_context, _registry)


@app.command("list", epilog=EPILOG)
@_with_registry
def list_(
    agencies: AgencyRegistry, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List the agencies, by code."""
    found = agencies.all().agencies
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        print_table(
            ("Code", "Name", "Other names", "Mark"),
            ([one.code, one.name, "; ".join(one.other_names), one.mark] for one in found),
        )


@app.command(epilog=EPILOG)
@_with_registry
def put(
    agencies: AgencyRegistry,
    agency: Code,
    name: Annotated[str, typer.Argument(help="Its name.")],
    also: Annotated[
        list[str] | None, typer.Option(help="Another name that lists write for it; may be repeated.")
    ] = None,
    seen: Annotated[str, typer.Option(help=f"{SEEN} Needed to replace one.")] = "",
) -> None:
    """Add an agency, or replace the name and all other names of the one with this code."""
    from cekalwatch.contract.values.agencies import ListedAgency
    from cekalwatch.server.audit.entry import operator

    agencies.put(ListedAgency(agency, name, tuple(also or ())), seen, operator())


@app.command(epilog=EPILOG)
@_with_registry
def remove(agencies: AgencyRegistry, agency: Code, seen: Annotated[str, typer.Option(help=SEEN)]) -> None:
    """Remove an agency; its orders stay in force, and are flagged as of an unknown agency."""
    from cekalwatch.server.audit.entry import operator

    agencies.remove(agency, seen, operator())
