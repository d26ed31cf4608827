"""`cekalwatch-server law`: the table by which orders are judged, what another row would do, and adding it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import signed_by_two, with_quiet_context
from cekalwatch.server.cli.watchlist.look_output import print_json, print_table

if TYPE_CHECKING:
    from cekalwatch.contract.values.law import LawPreview, LawRow
    from cekalwatch.server.watchlist.law_register import LawRegister
    from cekalwatch.server.wiring.storage import Context

EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server law show --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server law preview row.toml\n\n"
    "  cekalwatch-server law add row.toml\n\n"
    '  cekalwatch-server law confirm TANGKAL 2024-10-17 --counsel "Contoh, S.H."\n\n'
    "`docs/law.md` says what the file of a row holds. Running servers judge orders by a new row within seconds.\n\n"
    "Exit code 2: the row contradicts itself. 66: there is no such file or row."
)
app = typer.Typer(help="The law by which orders are judged, as a table with dates.", no_args_is_help=True)

RowFile = Annotated[Path, typer.Argument(help="A row as TOML.")]
SHOWN_CHANGES = 50


@app.command(epilog=EPILOG)
@with_quiet_context
def show(context: Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the rows, by kind and day."""
    rows = _register(context).rows()
    if as_json:
        print_json([asdict(row) | {"unconfirmed": sorted(row.unconfirmed)} for row in rows])
        return
    print_table(
        ("Kind", "From", "Article", "Months", "Extension", "Times", "Notice", "Urgent", "Unconfirmed", "Confirmed by"),
        (
            [
                row.kind,
                row.holds_from.isoformat(),
                row.article,
                str(row.term_months),
                str(row.extension_months),
                _figure(row.extensions),
                _figure(row.notice_days),
                _figure(row.urgent_days),
                ", ".join(sorted(row.unconfirmed)),
                row.confirmed_by,
            ]
            for row in rows
        ),
    )


@app.command(epilog=EPILOG)
@with_quiet_context
def preview(
    context: Context, row: RowFile, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Say which orders change their status when a row is added, and when. It changes nothing."""
    found = _register(context).preview(_read(row))
    if as_json:
        print_json(asdict(found))
    else:
        _tell(found)


@app.command(epilog=EPILOG)
@with_quiet_context
def add(context: Context, row: RowFile) -> None:
    """Add a row, or replace the one of its kind and day. It asks for the names and passwords of both people."""
    _add(context, _read(row))


@app.command(epilog=EPILOG)
@with_quiet_context
def confirm(
    context: Context,
    kind: Annotated[str, typer.Argument(help="CEGAH or TANGKAL.")],
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The day from which the row holds.")],
    counsel: Annotated[str, typer.Option(help="Name of the counsel who has confirmed the row.")],
) -> None:
    """Confirm the figures of a row that only flag orders until then. It asks for both people."""
    rows = {(row.kind.value, row.holds_from): row for row in _register(context).rows()}
    found = rows.get((kind.upper(), day.date()))
    if found is None:
        raise ProgramError(f"No row of {kind} holds from {day.date()}: see `law show`", Exit.NO_INPUT)
    _add(context, found.confirmed(counsel.strip()))


def _add(context: Context, row: LawRow) -> None:
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.foundation.errors import CekalwatchError

    register = _register(context)
    try:
        register.require_kept_here()
    except CekalwatchError as error:
        raise ProgramError(error.public_message, Exit.USAGE) from None
    found = register.preview(row)
    _tell(found)

    people = signed_by_two(
        context,
        TwoPersonAction.CHANGE_LAW,
        "SIGN_LAW_ROW",
        kind=row.kind,
        day=row.holds_from.isoformat(),
        article=row.article,
        changed=found.changed,
        begin=found.begin,
        end=found.end,
    )
    register.add(row, people, context.actor)
    typer.echo(f"Orders of {row.kind} that are decided from {row.holds_from} on are judged by this row")


def _register(context: Context) -> LawRegister:
    from cekalwatch.server.watchlist.law_register import LawRegister
    from cekalwatch.server.watchlist.sources.settings import CentreSettings

    stores, home = context.stores, context.settings.home.site
    of_centre = isinstance(context.settings.watchlist.source, CentreSettings)
    return LawRegister(stores.law, stores.watchlist, context.checkpoints, home, context.clock, of_centre=of_centre)


def _read(file: Path) -> LawRow:
    from pydantic import TypeAdapter, ValidationError

    from cekalwatch.contract.values.law import LawRow

    with _told(file):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        try:
            return TypeAdapter(LawRow).validate_python(content)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'row'}: {one['msg']}" for one in error.errors())
            raise ProgramError(f"{file}: {problems}", Exit.USAGE) from None


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProgramError(f"{file} cannot be read: {error.strerror}", Exit.NO_INPUT) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProgramError(f"{file} is no TOML: {error}", Exit.USAGE) from None


def _tell(found: LawPreview) -> None:
    typer.echo(
        f"{found.orders} orders, of which {found.changed} change: now, {found.begin} come into force, "
        f"and {found.end} end"
    )
    if not found.changes:
        return
    print_table(
        ("Order", "Subject", "From", "Present", "New", "Last day", "Then", "Remarks"),
        (
            [
                one.order_id,
                one.subject_id,
                one.at.isoformat(timespec="minutes") if one.at else "-",
                str(one.before),
                str(one.after),
                one.last_day_before,
                one.last_day_after,
                ", ".join(one.remarks),
            ]
            for one in found.changes[:SHOWN_CHANGES]
        ),
    )
    if found.changed > SHOWN_CHANGES:
        typer.echo(f"... and {found.changed - SHOWN_CHANGES} more; --json has up to {len(found.changes)}")


def _figure(value: int | None) -> str:
    return "-" if value is None else str(value)
