"""`watchlist list`, `show` and `history`: what is on the list, read from the database. Each view is recorded."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.contract.values.orders import OrderKind, OrderStatus
from cekalwatch.contract.values.watchlist import WatchlistProblem
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import with_context
from cekalwatch.server.cli.watchlist.look_output import (
    print_csv,
    print_json,
    print_list,
    print_table,
    print_view,
    write_pictures,
)

if TYPE_CHECKING:
    from cekalwatch.server.gallery.lookalikes import LookalikeFinder
    from cekalwatch.server.watchlist.browser import WatchlistBrowser
    from cekalwatch.server.wiring.storage import Context

LIST_EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist list --status active --kind cegah --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist list --valid-on 2026-12-31 --agency kejaksaan --format csv > december.csv\n\n"
    "  cekalwatch-server watchlist list --only no-reference --format json | jq '.[].subject.subject_id'\n\n"
    "It reads the database, whether or not a server is running. Every subject that is shown is named in the audit "
    "trail, with the account that runs the command.\n\n"
    "Exit code 0: also when nothing fits. 66: there is no database. 69: it cannot be used."
)
SHOW_EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist show S-001 --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist show S-001 --photo ./photographs\n\n"
    "Exit code 66: there is no such subject."
)
HISTORY_EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist history S-001 --config /etc/cekalwatch/server.toml\n\n"
    "Events come from the audit trail: when an order was received, which of its fields changed, what alerted. Statuses "
    "are computed from what is stored now, by the checkpoint's clock.\n\n"
    "Exit code 66: nothing is known of such a subject."
)


class Form(StrEnum):
    """How the watchlist is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Only(StrEnum):
    """Problems that a list manager can search for; those of `WatchlistProblem`."""

    INVALID = "invalid"
    FLAGGED = "flagged"
    NO_REFERENCE = "no-reference"
    STALE_MODEL = "stale-model"


Format = Annotated[Form, typer.Option("--format", help="table, json, or csv for a spreadsheet.")]


@with_context
def list_(
    context: Context,
    status: Annotated[
        OrderStatus | None, typer.Option(case_sensitive=False, help="With an order of this status.")
    ] = None,
    kind: Annotated[OrderKind | None, typer.Option(case_sensitive=False, help="With an order of this kind.")] = None,
    agency: Annotated[str, typer.Option(help="With an order of an agency whose name contains this text.")] = "",
    valid_on: Annotated[
        str, typer.Option(help="With an order that is ACTIVE on this day (YYYY-MM-DD), or has --status then.")
    ] = "",
    subject: Annotated[str, typer.Option(help="The subject with this id.")] = "",
    name: Annotated[str, typer.Option(help="With this text in the name or in an alias.")] = "",
    only: Annotated[
        Only | None,
        typer.Option(help="With an INVALID or flagged order, no photograph, or a stale template."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="The largest number of subjects.")] = 50,
    after: Annotated[str, typer.Option(help="Continue after the subject with this id.")] = "",
    form: Format = Form.TABLE,
) -> None:
    """List subjects with their orders, by subject key. Photographs are not shown."""
    from cekalwatch.contract.values.watchlist import WatchlistFilter
    from cekalwatch.server.cli.watchlist.look_output import LIST_COLUMNS, list_rows, view_json

    at = _noon(valid_on, context)
    if valid_on and status is None:
        status = OrderStatus.ACTIVE
    wanted = WatchlistFilter(status, kind, agency, name, subject, WatchlistProblem[only.name] if only else None)
    page = _look(context)[0].page(wanted, at, after, limit)
    match form:
        case Form.JSON:
            print_json([view_json(view) for view in page.subjects])
        case Form.CSV:
            print_csv(LIST_COLUMNS, list_rows(page.subjects))
        case Form.TABLE:
            print_list(page.subjects)
    if page.more_after:
        typer.echo(f"There may be more: --after {page.more_after}", err=True)


@with_context
def show(
    context: Context,
    subject_id: Annotated[str, typer.Argument(help="Id of the subject.")],
    photo: Annotated[
        Path | None,
        typer.Option(help="Write the pictures of the reference faces into this folder, readable only for you."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="table or json.")] = Form.TABLE,
) -> None:
    """Show everything that is stored about a subject, and other subjects with a similar face. Photographs only with
    --photo."""
    from cekalwatch.contract.values.subjects import MAX_REFERENCES
    from cekalwatch.server.cli.watchlist.look_output import view_json
    from cekalwatch.server.foundation.errors import CekalwatchError

    if form is Form.CSV:
        raise ProgramError("`show` has more than fits a table of one kind of rows: take --format json", Exit.USAGE)
    look, lookalikes = _look(context)
    try:
        pictures = MAX_REFERENCES if photo else 0
        view = look.show(subject_id, _noon("", context), lookalikes, pictures)
    except CekalwatchError as error:
        raise ProgramError(error.public_message, Exit.NO_INPUT) from None
    if form is Form.JSON:
        print_json(view_json(view))
    else:
        print_view(view)
    if photo:
        write_pictures(photo, look, view)


@with_context
def history(
    context: Context, subject_id: Annotated[str, typer.Argument(help="Id of the subject.")], form: Format = Form.TABLE
) -> None:
    """Show what happened to a subject and its orders: events of the audit trail, and each order's statuses."""
    from cekalwatch.server.cli.watchlist.look_output import HISTORY_COLUMNS, history_json, history_rows

    found = _look(context)[0].history(subject_id)
    if found.empty:
        raise ProgramError("Nothing is known about a subject with this key", Exit.NO_INPUT)
    match form:
        case Form.JSON:
            print_json(history_json(found))
        case Form.CSV:
            print_csv(HISTORY_COLUMNS, history_rows(found))
        case Form.TABLE:
            print_table(("When", "What", "Order", "Status", "By", "Details"), history_rows(found))


def _noon(day: str, context: Context) -> datetime:
    """Return the middle of a day at the first checkpoint, or this moment. Raises ProgramError."""
    if not day:
        return context.clock.now()
    try:
        return datetime.combine(date.fromisoformat(day), time(12), context.settings.home.zone)
    except ValueError:
        raise ProgramError("--valid-on takes a day, YYYY-MM-DD", Exit.USAGE) from None


def _look(context: Context) -> tuple[WatchlistBrowser, LookalikeFinder]:
    """Return views of the watchlist for the account that runs the command."""
    from functools import cache, partial

    from cekalwatch.server.gallery.lookalikes import LookalikeFinder, load_list
    from cekalwatch.server.gallery.model_follower import pack_in_use
    from cekalwatch.server.watchlist.browser import WatchlistBrowser, WatchlistReader
    from cekalwatch.server.watchlist.subject_search import SubjectSearch

    stores, settings = context.stores, context.settings
    pack = pack_in_use(settings, stores.models)
    checkpoints, site = context.checkpoints, settings.home.site
    search = SubjectSearch(stores.watchlist, checkpoints, site, lambda: pack.model_version)
    reader = WatchlistReader(stores.watchlist, stores.audit, checkpoints, site, search)
    look = WatchlistBrowser(reader, stores.audit, context.clock, context.actor)
    listed = cache(lambda: load_list(stores.watchlist.templates, pack, settings.gallery_storage))
    return look, LookalikeFinder(listed, partial(pack.thresholds.threshold, fpir=settings.target_fpir))
